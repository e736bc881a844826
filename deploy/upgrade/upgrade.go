// Package upgrade keeps the last release as source, to prove that this one can stand beside it.
package upgrade

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"aftercare.dev/deploy/split"
)

// Last is the release that an upgrade to this version begins at. `make release-archive` keeps a new one.
const Last = "v0.1.0"

//go:embed testdata/*.tar.gz
var releases embed.FS

// Build builds the programs of a release below dir, outside of the workspace: with the dependencies that it had.
func Build(ctx context.Context, version, dir string) (split.Programs, error) {
	archive, err := releases.ReadFile("testdata/" + version + ".tar.gz")
	if err != nil {
		return "", fmt.Errorf("there is no archive of %s: %w", version, err)
	}
	source := filepath.Join(dir, "source")
	if err := extract(archive, source); err != nil {
		return "", fmt.Errorf("unpack %s: %w", version, err)
	}
	programs := filepath.Join(dir, "bin")
	for module, packages := range map[string]string{
		"services":  "./order/cmd/order ./logistics/cmd/logistics ./payment/cmd/payment ./cases/cmd/cases ./notification/cmd/notification",
		"workflows": "./cmd/worker", "gateway": "./cmd/gateway",
	} {
		args := append([]string{"build", "-trimpath", "-o", programs + string(os.PathSeparator)}, strings.Fields(packages)...)
		build := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the packages are those above
		build.Dir = filepath.Join(source, module)
		build.Env = append(os.Environ(), "GOWORK=off", "PWD="+build.Dir)
		if said, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the %s of %s: %w: %s", module, version, err, said)
		}
	}
	return split.Programs(programs), nil
}

func extract(archive []byte, dir string) error {
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return err
	}
	root, err := makeRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for files := tar.NewReader(zipped); ; {
		file, err := files.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case file.Typeflag == tar.TypeReg:
			if err := write(root, file.Name, files); err != nil {
				return err
			}
		}
	}
}

func makeRoot(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

func write(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
