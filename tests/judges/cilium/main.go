// Command cilium says whether a cluster with Cilium would take rendered Kubernetes manifests.
//
//	cilium FILE ...
//
// FILE, or "-" for standard input, holds YAML documents. Resources of cilium.io are judged as the
// Kubernetes API server would on creation, with Cilium's own CustomResourceDefinitions; of
// Kubernetes' own kinds only the fields' names and types are. Problems go to standard output, one a
// line, each after the names of its file and resource. The exit status is 0 without problems, 1 with
// some, and 2 when the judge itself could not work.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

func main() {
	problems, err := judge(os.Args[1:])

	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "cilium:", err)
		os.Exit(2)
	case len(problems) > 0:
		fmt.Println(strings.Join(problems, "\n"))
		os.Exit(1)
	}
}

// judge returns what is wrong with the files.
func judge(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, errors.New("nothing to judge: give FILE ...")
	}

	var problems []string

	for _, name := range names {
		text, err := read(name)
		if err != nil {
			return nil, err
		}

		for _, problem := range judgeFile(text) {
			problems = append(problems, name+": "+problem)
		}
	}

	return problems, nil
}

func read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}

	return os.ReadFile(name)
}

// judgeFile returns what is wrong with the documents in a file.
func judgeFile(text []byte) []string {
	var problems []string

	resources, err := parse(text)
	if err != nil {
		problems = append(problems, oneLine(err))
	} else if len(resources) == 0 {
		problems = append(problems, "no resource in it")
	}

	for _, resource := range resources {
		name := fmt.Sprintf("%s/%s: ", resource.GetKind(), resource.GetName())
		for _, err := range validate(resource) {
			problems = append(problems, name+oneLine(err))
		}
	}

	return problems
}

// parse returns the resources up to the first that is no YAML mapping.
func parse(text []byte) ([]*unstructured.Unstructured, error) {
	var resources []*unstructured.Unstructured

	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))

	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return resources, nil
		}

		if err != nil {
			return resources, err
		}

		// Strict: a key given twice is a mistake.
		asJSON, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return resources, err
		}

		var object map[string]any
		if err := utiljson.Unmarshal(asJSON, &object); err != nil {
			return resources, err
		}

		if len(object) > 0 { // a document may consist of comments
			resources = append(resources, &unstructured.Unstructured{Object: object})
		}
	}
}

func validate(resource *unstructured.Unstructured) []error {
	if resource.IsList() {
		return []error{errors.New("a list hides its items from this judge: write one document for each")}
	}

	if resource.GroupVersionKind().Group == ciliumGroup {
		return validateCilium(resource)
	}

	if err := decodeStrictly(resource); err != nil {
		return []error{err}
	}

	return nil
}

// decodeStrictly turns a resource into its Go type, which leaves no room for unknown fields.
func decodeStrictly(resource *unstructured.Unstructured) error {
	text, err := resource.MarshalJSON()
	if err != nil {
		return err
	}

	options := json.SerializerOptions{Strict: true}
	serializer := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, options)
	_, _, err = serializer.Decode(text, nil, nil)

	return err
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
