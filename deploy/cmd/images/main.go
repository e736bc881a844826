// Command images builds the images of all programs: `make image-archives`, and `make images`, which loads them into an
// engine too. It runs in a checkout.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aftercare.dev/deploy/images"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "images: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	root := flags.String("root", "..", "the checkout")
	out := flags.String("out", "../dist", "where images/, sbom/ and bin/ go")
	archives := flags.String("archives", "", "where the archives go, if not to images/ of --out")
	repository := flags.String("repository", "aftercare", "what comes before the name of each image")
	version := flags.String("version", "", "version of the product and tag of the images (default: of git)")
	source := flags.String("source", "", "address of the sources, for a label")
	architecture := flags.String("arch", runtime.GOARCH, "architecture, as Go calls it")
	only := flags.String("only", "", "programs with commas between (default: all)")
	load := flags.Bool("load", false, "load the images into docker or buildah")
	engine := flags.String("engine", "", "docker or buildah (default: the one that works)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	programs, unknown := images.Named(*only)
	if len(unknown) > 0 {
		return fmt.Errorf("there is no program %s", strings.Join(unknown, ", "))
	}
	if *load {
		var err error
		if *engine, err = images.Engine(ctx, *engine); err != nil {
			return err // before minutes of building
		}
	}
	if *archives == "" {
		*archives = filepath.Join(*out, "images")
	}
	if *version == "" {
		*version = git(ctx, *root, "dev", "describe", "--tags", "--always", "--dirty")
	}
	built, err := images.Build(ctx, images.Options{
		Root: *root, Archives: *archives, Bills: filepath.Join(*out, "sbom"), Binaries: filepath.Join(*out, "bin"),
		Repository: *repository, Version: *version, Revision: git(ctx, *root, "", "rev-parse", "HEAD"), Source: *source,
		Architecture: *architecture, Time: committed(ctx, *root), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}, programs)
	if err != nil || !*load {
		return err
	}
	return images.Load(ctx, *engine, built)
}

// git asks the checkout; sources without one have the fallback.
func git(ctx context.Context, root, otherwise string, args ...string) string {
	output, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output() //nolint:gosec // the arguments are ours
	if text := strings.TrimSpace(string(output)); err == nil && text != "" {
		return text
	}
	return otherwise
}

func committed(ctx context.Context, root string) time.Time {
	seconds, err := strconv.ParseInt(git(ctx, root, "0", "log", "-1", "--format=%ct"), 10, 64)
	if err != nil {
		return time.Unix(0, 0)
	}
	return time.Unix(seconds, 0)
}
