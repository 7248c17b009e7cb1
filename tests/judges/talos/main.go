// Command talos says whether Talos would take machine configuration patches.
//
//	talos [-print] ROLE=FILE ...
//
// ROLE is controlplane or worker. FILE, or "-" for standard input, holds one patch, which may
// consist of several documents. Each patch is applied to a freshly generated configuration of its
// role and the result is validated as strictly as Talos can, for a bare machine. Problems go to
// standard output, one a line, each after the name of its file. The exit status is 0 without
// problems, 1 with some, and 2 when the judge itself could not work.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/validation"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

func main() {
	show := flag.Bool("print", false, "print the resulting configurations when there is no problem")
	flag.Parse()

	results, problems, err := judge(flag.Args())

	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "talos:", err)
		os.Exit(2)
	case len(problems) > 0:
		fmt.Println(strings.Join(problems, "\n"))
		os.Exit(1)
	case *show:
		fmt.Print(strings.Join(results, "---\n"))
	}
}

// judge returns the configuration that each argument makes and the problems of those that make none.
func judge(arguments []string) (results, problems []string, err error) {
	if len(arguments) == 0 {
		return nil, nil, errors.New("nothing to judge: give ROLE=FILE ...")
	}

	// Keys as of Talos 1.6: since then one of them is RSA, which takes a second to make.
	keys, err := secrets.NewBundle(secrets.NewClock(), config.TalosVersion1_6)
	if err != nil {
		return nil, nil, err
	}

	input, err := generate.NewInput(
		"judged", "https://192.0.2.1:6443", constants.DefaultKubernetesVersion,
		generate.WithSecretsBundle(keys),
	)
	if err != nil {
		return nil, nil, err
	}

	for _, argument := range arguments {
		base, name, patch, err := load(input, argument)
		if err != nil {
			return nil, nil, err
		}

		result, err := apply(base, patch)
		if err != nil {
			problems = append(problems, lines(name+": ", err)...)
		}

		results = append(results, result)
	}

	return results, problems, nil
}

// load splits ROLE=FILE into a configuration to patch, the file's name and what it holds.
func load(input *generate.Input, argument string) (base config.Provider, name string, patch []byte, err error) {
	roleName, name, _ := strings.Cut(argument, "=")

	role, err := machine.ParseType(roleName)
	if err != nil || name == "" {
		return nil, "", nil, fmt.Errorf("%q is not ROLE=FILE with a role that Talos knows", argument)
	}

	if name == "-" {
		patch, err = io.ReadAll(os.Stdin)
	} else {
		patch, err = os.ReadFile(name)
	}

	if err != nil {
		return nil, "", nil, err
	}

	base, err = input.Config(role)

	return base, name, patch, err
}

// apply returns the patched configuration, or an error with everything that is wrong with it.
func apply(base config.Provider, text []byte) (string, error) {
	patch, err := configpatcher.LoadPatch(text)
	if err != nil {
		return "", err
	}

	output, err := configpatcher.Apply(configpatcher.WithConfig(base), []configpatcher.Patch{patch})
	if err != nil {
		return "", err
	}

	patched, err := output.Config()
	if err != nil {
		return "", err
	}

	warnings, err := patched.Validate(metal{}, validation.WithStrict())
	for _, warning := range warnings { // those of documents other than v1alpha1, which WithStrict leaves alone
		err = errors.Join(err, errors.New(warning))
	}

	if err != nil {
		return "", err
	}

	return patched.EncodeString(encoder.WithComments(encoder.CommentsDisabled))
}

// lines takes the problems in an error apart, whichever way they were put together.
func lines(prefix string, err error) []string {
	for whole := err; whole != nil; whole = errors.Unwrap(whole) {
		var parts []error

		switch several := whole.(type) {
		case interface{ WrappedErrors() []error }:
			parts = several.WrappedErrors()
		case interface{ Unwrap() []error }:
			parts = several.Unwrap()
		default:
			continue
		}

		var found []string

		inner := prefix + strings.TrimSuffix(err.Error(), whole.Error())
		for _, part := range parts {
			found = append(found, lines(inner, part)...)
		}

		return found
	}

	return []string{prefix + strings.Join(strings.Fields(err.Error()), " ")}
}

// metal is the mode of a machine that installs Talos on its own disk.
type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }
