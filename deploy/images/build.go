package images

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Options say what to build, and where to.
type Options struct {
	// Root is the checkout.
	Root string
	// Archives, Bills and Binaries are directories, which are made if missing: NAME.tar, NAME.cdx.json
	// and the binary NAME.
	Archives, Bills, Binaries string
	// Repository is put before the name of each image: "aftercare" gives aftercare/order.
	Repository string
	// Version is stamped into the binary and is the image's tag.
	Version string
	// Revision is the commit, and Source the address of the sources; both are labels and may be empty.
	Revision, Source string
	// Architecture is that of Go, such as amd64; the system is Linux.
	Architecture string
	// Time is when the sources were committed. Nothing else that changes from build to build goes into an image:
	// same sources and options, same digest.
	Time time.Time
	Log  *slog.Logger
}

// Built is one image that was built.
type Built struct {
	Program Program
	// Tag is the name that the archive carries: aftercare/order:v1.2.3.
	Tag string
	// Digest is that of the image's manifest.
	Digest string
	// Archive, Bill and Binary are files.
	Archive, Bill, Binary string
}

// versionOf is the variable that the linker sets.
const versionOf = "aftercare.dev/services/platform/telemetry.version"

// Build builds the programs one after the other.
func Build(ctx context.Context, o Options, programs []Program) ([]Built, error) {
	for _, directory := range []string{o.Archives, o.Bills, o.Binaries} {
		if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // what is built is for everybody
			return nil, err
		}
	}
	var all []Built
	for _, p := range programs {
		built, err := build(ctx, o, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		o.Log.Info("built", "image", built.Tag, "digest", built.Digest)
		all = append(all, built)
	}
	return all, nil
}

func build(ctx context.Context, o Options, p Program) (Built, error) {
	built := Built{
		Program: p,
		Archive: filepath.Join(o.Archives, p.Name+".tar"),
		Bill:    filepath.Join(o.Bills, p.Name+".cdx.json"),
		Binary:  filepath.Join(o.Binaries, p.Name),
	}
	tag, err := name.NewTag(o.Repository + "/" + p.Name + ":" + tagOf(o.Version))
	if err != nil {
		return built, fmt.Errorf("name the image: %w", err)
	}
	if err := compile(ctx, o, p, built.Binary); err != nil {
		return built, err
	}
	bill, err := billOf(built.Binary, p, o.Version)
	if err != nil {
		return built, fmt.Errorf("write the bill of materials: %w", err)
	}
	if err := os.WriteFile(built.Bill, bill, 0o644); err != nil { //nolint:gosec // no secret
		return built, err
	}
	binary, err := os.ReadFile(built.Binary)
	if err != nil {
		return built, err
	}
	image, err := assemble(o, p, binary, bill)
	if err != nil {
		return built, fmt.Errorf("assemble the image: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return built, err
	}
	built.Tag, built.Digest = tag.String(), digest.String()
	return built, tarball.WriteToFile(built.Archive, tag, image)
}

// tagOf makes a version a tag: a tag has no plus sign.
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "-") }

// compile builds each program as its module alone says, not as the workspace does: what the embedded Temporal server
// needs is none of a service's business.
func compile(ctx context.Context, o Options, p Program, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", //nolint:gosec // the arguments are ours
		"-ldflags", "-s -w -X "+versionOf+"="+o.Version, "-o", out, p.Package)
	command.Dir = filepath.Join(o.Root, p.Module)
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+o.Architecture)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", p.Package, p.Module, err, output)
	}
	return nil
}
