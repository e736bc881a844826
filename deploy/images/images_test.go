package images

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"
)

const checkout = "../.."

func options(t *testing.T) Options {
	t.Helper()
	directory := t.TempDir()
	return Options{
		Root: checkout, Archives: filepath.Join(directory, "images"), Bills: filepath.Join(directory, "sbom"),
		Binaries: filepath.Join(directory, "bin"), Repository: "aftercare", Version: "v9.8.7+local", Revision: "0123abc",
		Source: "https://example.com/aftercare", Architecture: runtime.GOARCH, Time: time.Unix(1700000000, 0),
		Log: slog.New(slog.DiscardHandler),
	}
}

func TestEveryProgramOfTheHouseHasAnImage(t *testing.T) {
	var listed []string
	for _, p := range Programs() {
		require.FileExists(t, filepath.Join(checkout, p.Module, p.Package, "main.go"))
		if p.Module != "deploy" { // which has programs for trying out too, most of them not in images
			listed = append(listed, p.Name)
		}
	}
	var mains []string
	for _, module := range []string{"services", "gateway", "workflows"} {
		for _, pattern := range []string{"cmd/*/main.go", "*/cmd/*/main.go"} {
			found, err := filepath.Glob(filepath.Join(checkout, module, pattern))
			require.NoError(t, err)
			for _, path := range found {
				text, err := os.ReadFile(path)
				require.NoError(t, err)
				if strings.Contains(string(text), "process.Main(") {
					mains = append(mains, filepath.Base(filepath.Dir(path)))
				}
			}
		}
	}
	require.ElementsMatch(t, mains, listed)
}

func TestAnImageIsOneStaticProgramOfNobody(t *testing.T) {
	built := buildOrder(t, options(t))
	require.Equal(t, "aftercare/order:v9.8.7-local", built.Tag)
	image, err := tarball.ImageFromPath(built.Archive, nil)
	require.NoError(t, err)

	file, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "linux/"+runtime.GOARCH, file.OS+"/"+file.Architecture)
	require.Equal(t, time.Unix(1700000000, 0).UTC(), file.Created.Time)
	require.Equal(t, v1.Config{
		User: "65532:65532", Entrypoint: []string{"/order"}, WorkingDir: "/", StopSignal: "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "aftercare order",
			"org.opencontainers.image.description": "orders and the units that are being returned",
			"org.opencontainers.image.version":     "v9.8.7+local",
			"org.opencontainers.image.revision":    "0123abc",
			"org.opencontainers.image.source":      "https://example.com/aftercare",
		},
	}, file.Config)

	files := unpack(t, image)
	bill, err := os.ReadFile(built.Bill)
	require.NoError(t, err)
	require.Equal(t, bill, files["usr/share/sbom/order.cdx.json"].content)
	require.Equal(t, int64(0o555), files["order"].mode)
	require.Equal(t, entry{name: "data", mode: 0o750, owner: 65532, content: []byte{}}, files["data"])
	require.Len(t, files, 6, "something else is in the image: %v", names(files))

	require.True(t, bytes.Contains(files["order"].content, []byte("Asia/Shanghai")), "no time zones")

	program, err := elf.NewFile(bytes.NewReader(files["order"].content))
	require.NoError(t, err)
	for _, part := range program.Progs {
		require.NotEqual(t, elf.PT_INTERP, part.Type, "the program wants a loader, which the image does not have")
	}
}

func TestTheProgramInAnImageKnowsItsVersion(t *testing.T) {
	built := buildOrder(t, options(t))
	image, err := tarball.ImageFromPath(built.Archive, nil)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "order")
	require.NoError(t, os.WriteFile(path, unpack(t, image)["order"].content, 0o700))
	command := exec.CommandContext(t.Context(), path, "version")
	command.Env, command.Dir = []string{}, t.TempDir()
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Equal(t, "v9.8.7+local\n", string(output))
}

func TestTheSameSourcesGiveTheSameImage(t *testing.T) {
	first, again := buildOrder(t, options(t)), buildOrder(t, options(t))
	require.Equal(t, first.Digest, again.Digest)
	one, err := os.ReadFile(first.Archive)
	require.NoError(t, err)
	two, err := os.ReadFile(again.Archive)
	require.NoError(t, err)
	require.True(t, bytes.Equal(one, two), "the archives differ")
}

func TestTheBillNamesEveryModuleInTheProgram(t *testing.T) {
	built := buildOrder(t, options(t))
	info, err := buildinfo.ReadFile(built.Binary)
	require.NoError(t, err)
	text, err := os.ReadFile(built.Bill)
	require.NoError(t, err)
	var bill cdx.BOM
	require.NoError(t, json.Unmarshal(text, &bill))

	billed := map[string]string{}
	for _, component := range *bill.Components {
		billed[component.Name] = component.Version
	}
	require.Equal(t, info.GoVersion, billed["std"])
	require.Contains(t, billed, "golang.org/x/crypto/x509roots/fallback", "no roots of certificate authorities")
	require.Equal(t, "v9.8.7+local", billed["aftercare.dev/services"])
	for _, module := range info.Deps {
		require.Equal(t, module.Version, billed[module.Path], module.Path)
	}
	require.Len(t, billed, len(info.Deps)+2)
	require.Equal(t, "pkg:golang/aftercare.dev/services/order/cmd/order@v9.8.7%2Blocal", bill.Metadata.Component.PackageURL)
}

func TestAProgramThatCannotBeBuiltIsNamed(t *testing.T) {
	_, err := Build(t.Context(), options(t), []Program{{"ghost", "services", "./ghost/cmd/ghost", "nothing"}})
	require.ErrorContains(t, err, "ghost: build ./ghost/cmd/ghost in services: ")
	_, unknown := Named("order,ghost")
	require.Equal(t, []string{"ghost"}, unknown)
}

func TestTheEngineThatWorksIsTaken(t *testing.T) {
	tests := map[string]struct {
		docker, buildah bool
		wanted          string
		want, says      string
	}{
		"docker first":          {true, true, "", "docker", ""},
		"buildah otherwise":     {false, true, "", "buildah", ""},
		"the wanted one":        {true, true, "buildah", "buildah", ""},
		"none":                  {false, false, "", "", ErrNoEngine.Error()},
		"a wanted one not here": {false, true, "docker", "", "docker does not work: exit status 1; is its engine running?"},
		"one that is none":      {true, true, "kaniko", "", `the engine is "kaniko", expected docker or buildah`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			for engine, works := range map[string]bool{"docker": test.docker, "buildah": test.buildah} {
				script := "#!/bin/sh\necho \"$@\" >>" + filepath.Join(directory, "asked") + "\n"
				if !works {
					script += "exit 1\n"
				}
				require.NoError(t, os.WriteFile(filepath.Join(directory, engine), []byte(script), 0o700))
			}
			t.Setenv("PATH", directory)
			got, err := Engine(t.Context(), test.wanted)
			require.Equal(t, test.want, got)
			if test.says != "" {
				require.EqualError(t, err, test.says)
				return
			}
			require.NoError(t, Load(t.Context(), got, []Built{{Archive: "a.tar"}}))
			asked, err := os.ReadFile(filepath.Join(directory, "asked"))
			require.NoError(t, err)
			require.Contains(t, string(asked), map[string]string{"docker": "load --input a.tar", "buildah": "pull docker-archive:a.tar"}[got])
		})
	}
}

func buildOrder(t *testing.T, o Options) Built {
	t.Helper()
	programs, unknown := Named("order")
	require.Empty(t, unknown)
	built, err := Build(t.Context(), o, programs)
	require.NoError(t, err)
	return built[0]
}

// unpack reads the file system that a container of the image would have.
func unpack(t *testing.T, image v1.Image) map[string]entry {
	t.Helper()
	reader := mutate.Extract(image)
	defer reader.Close()
	files := map[string]entry{}
	for archive := tar.NewReader(reader); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		files[header.Name] = entry{header.Name, header.Mode, header.Uid, content}
	}
}

func names(files map[string]entry) []string {
	var all []string
	for name := range files {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
