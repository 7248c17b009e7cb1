package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

const ciliumGroup = "cilium.io"

// definition is how the API server sees one version of a custom resource's kind.
type definition struct {
	namespaced bool
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// definitions are kept by kind and version: many resources share them.
var definitions = map[string]*definition{}

// validateCilium does what the API server does on creation with fieldValidation=Strict, in its order:
// unknown fields, defaults, schema, and CEL rules for what is sound until there.
func validateCilium(resource *unstructured.Unstructured) []error {
	definition, err := define(resource)
	if err != nil {
		return []error{err}
	}

	var problems []error

	_, _, unknown, err := objectmeta.GetObjectMetaWithOptions(resource.Object, objectmeta.ObjectMetaOptions{
		ReturnUnknownFieldPaths: true,
	})
	if err != nil {
		return []error{fmt.Errorf("metadata: %w", err)}
	}

	unknown = append(unknown, pruning.PruneWithOptions(
		resource.Object, definition.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true},
	)...)
	for _, path := range unknown {
		problems = append(problems, fmt.Errorf("%s: unknown field", path))
	}

	defaulting.PruneNonNullableNullsWithoutDefaults(resource.Object, definition.structural)
	defaulting.Default(resource.Object, definition.structural)

	for _, err := range definition.check(resource) {
		problems = append(problems, err)
	}

	return problems
}

func (d *definition) check(resource *unstructured.Unstructured) field.ErrorList {
	problems := metavalidation.ValidateObjectMetaAccessor(
		resource, d.namespaced, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata"),
	)
	problems = append(problems, validation.ValidateCustomResource(nil, resource.Object, d.validator)...)
	problems = append(problems, listtype.ValidateListSetsAndMaps(nil, d.structural, resource.Object)...)

	if len(problems) > 0 {
		return problems
	}

	problems, _ = d.rules.Validate(
		context.Background(), nil, d.structural, resource.Object, nil, celconfig.RuntimeCELCostBudget,
	)

	return problems
}

// define finds the definition for a resource, in a version that is served and not on its way out.
func define(resource *unstructured.Unstructured) (*definition, error) {
	kind := resource.GroupVersionKind()
	if known, ok := definitions[kind.String()]; ok {
		return known, nil
	}

	for _, listed := range client.CustomResourceDefinitionList() {
		if !strings.HasPrefix(listed.Name, kind.Kind+"/") {
			continue
		}

		crd := client.GetPregeneratedCRD(slog.New(slog.DiscardHandler), listed.Name)

		at := slices.IndexFunc(crd.Spec.Versions, func(version apiextensionsv1.CustomResourceDefinitionVersion) bool {
			return version.Name == kind.Version && version.Served && !version.Deprecated
		})
		if at < 0 {
			return nil, fmt.Errorf("apiVersion: %s is deprecated or not served", resource.GetAPIVersion())
		}

		made, err := makeDefinition(crd.Spec, crd.Spec.Versions[at].Schema)
		definitions[kind.String()] = made

		return made, err
	}

	return nil, fmt.Errorf("kind: Cilium has no %s", kind.Kind)
}

func makeDefinition(
	spec apiextensionsv1.CustomResourceDefinitionSpec, external *apiextensionsv1.CustomResourceValidation,
) (*definition, error) {
	var internal apiextensions.CustomResourceValidation

	err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(
		external, &internal, nil,
	)
	if err != nil {
		return nil, err
	}

	structural, err := schema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}

	validator, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}

	return &definition{
		namespaced: spec.Scope == apiextensionsv1.NamespaceScoped,
		structural: structural,
		validator:  validator,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}
