package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// kubectl runs kubectl and returns what it printed.
func (r *run) kubectl(ctx context.Context, args ...string) (string, error) {
	return r.tool(ctx, nil, r.Kubectl, args...)
}

// apply has the cluster take objects.
func (r *run) apply(ctx context.Context, objects ...any) error {
	for _, object := range objects {
		manifest, err := json.Marshal(object)
		if err != nil {
			return err
		}
		if _, err := r.tool(ctx, bytes.NewReader(manifest), r.Kubectl, "apply", "--namespace", r.Namespace, "-f", "-"); err != nil {
			return err
		}
	}
	return nil
}

// helm runs helm in the namespace.
func (r *run) helm(ctx context.Context, args ...string) (string, error) {
	return r.tool(ctx, nil, r.Helm, append(args, "--namespace", r.Namespace)...)
}

// tool runs a program; the error has what it said.
func (r *run) tool(ctx context.Context, in io.Reader, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...) //nolint:gosec // the programs are those of the options
	var out, said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = in, &out, &said
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}

// lines are the words of an answer, one for each line.
func lines(answer string) []string { return strings.Fields(answer) }
