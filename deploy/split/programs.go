package split

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Services are the systems of record, in the order in which they are named everywhere.
var Services = []string{"order", "logistics", "payment", "cases", "notification"}

// packages are the programs of the house by name.
func packages() map[string]string {
	all := map[string]string{
		"gateway": "aftercare.dev/gateway/cmd/gateway", "worker": "aftercare.dev/workflows/cmd/worker",
		"sandbox": "aftercare.dev/deploy/cmd/sandbox", "aftercare": "aftercare.dev/deploy/cmd/aftercare",
	}
	for _, name := range Services {
		all[name] = "aftercare.dev/services/" + name + "/cmd/" + name
	}
	return all
}

// Programs is a folder with the programs of one version of the house.
type Programs string

// Build builds all programs, or those that are named, into a folder. It is run below the workspace.
func Build(ctx context.Context, dir string, names ...string) (Programs, error) {
	return build(ctx, dir, names)
}

// BuildCrashing is [Build] with crash points, see package crash: each process passes those in the folder that
// [House.CrashDir] names.
func BuildCrashing(ctx context.Context, dir string, names ...string) (Programs, error) {
	return build(ctx, dir, names, "-tags", "crashpoints")
}

func build(ctx context.Context, dir string, names []string, flags ...string) (Programs, error) {
	// What only a debugger reads is half of the time that linking takes.
	args := append([]string{"build", "-ldflags=-w", "-o", dir + string(os.PathSeparator)}, flags...)
	for name, path := range packages() {
		if len(names) == 0 || slices.Contains(names, name) {
			args = append(args, path)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	run := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the packages are those above
	if said, err := run.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w: %s", err, said)
	}
	return Programs(dir), nil
}

// Path is where a program is.
func (p Programs) Path(name string) string { return filepath.Join(string(p), name) }
