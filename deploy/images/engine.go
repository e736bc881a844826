package images

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// engines are the ways of giving an archive to a container engine: how to tell that it works, and how to load.
var engines = []struct {
	name   string
	probe  []string
	load   func(archive string) []string
	advice string
}{
	{"docker", []string{"version", "--format", "{{.Server.Version}}"}, func(archive string) []string { return []string{"load", "--input", archive} }, "is its engine running?"},
	{"buildah", []string{"info"}, func(archive string) []string { return []string{"pull", "docker-archive:" + archive} }, "is it installed, and may you use it?"},
}

// ErrNoEngine says that there is no container engine.
var ErrNoEngine = errors.New("neither docker nor buildah works here: install one, or make image-archives and load the archives where there is one")

// Engine returns the name of the engine to use: the wanted one if it works, or the first that does if wanted is empty.
func Engine(ctx context.Context, wanted string) (string, error) {
	for _, engine := range engines {
		if wanted != "" && wanted != engine.name {
			continue
		}
		err := exec.CommandContext(ctx, engine.name, engine.probe...).Run() //nolint:gosec // of the table above
		if err == nil {
			return engine.name, nil
		}
		if wanted != "" {
			return "", fmt.Errorf("%s does not work: %w; %s", engine.name, err, engine.advice)
		}
	}
	if wanted != "" {
		return "", fmt.Errorf("the engine is %q, expected docker or buildah", wanted)
	}
	return "", ErrNoEngine
}

// Load gives the images to the engine under their tags.
func Load(ctx context.Context, engine string, built []Built) error {
	for _, e := range engines {
		if e.name != engine {
			continue
		}
		for _, image := range built {
			output, err := exec.CommandContext(ctx, e.name, e.load(image.Archive)...).CombinedOutput() //nolint:gosec // of the table above
			if err != nil {
				return fmt.Errorf("%s could not load %s: %w\n%s", e.name, image.Archive, err, output)
			}
		}
		return nil
	}
	return fmt.Errorf("the engine is %q, expected docker or buildah", engine)
}
