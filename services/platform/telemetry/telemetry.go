// Package telemetry sets up what a process tells about itself: structured logs, traces and metrics.
package telemetry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"

	"aftercare.dev/services/platform/config"
)

// Start installs traces and metrics for the whole process as the OTEL_* variables say, in the ecosystem's own meaning.
//
// Nothing is exported until it is asked for: by OTEL_EXPORTER_OTLP_ENDPOINT or the endpoint of one signal, by
// OTEL_TRACES_EXPORTER (otlp, console, none), or by OTEL_METRICS_EXPORTER (otlp, prometheus, console, none). Prometheus
// finds /metrics on a listener of its own, OTEL_EXPORTER_PROMETHEUS_HOST and _PORT, localhost:9464 by default.
// OTEL_SDK_DISABLED=true turns everything off. What is not exported costs next to nothing, and trace context still
// passes through from caller to callee. A wrong value is a [*config.Error].
//
// Call it once, at the very start: instruments belong to what was installed when they were made. The function that it
// returns sends what is left, within 5 s, and must run before the process ends, after all its parts.
func Start(ctx context.Context, name string, log *slog.Logger) (stop func(context.Context) error, err error) {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("telemetry is incomplete", "error", err)
	}))
	set, err := config.Load[settings]("", os.Environ())
	if err != nil {
		return nil, err
	}
	about, err := describe(ctx, name)
	if err != nil {
		return nil, err
	}
	var stops []func(context.Context) error
	stop = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		errs := make([]error, 0, len(stops))
		for _, stop := range stops {
			errs = append(errs, stop(ctx))
		}
		return errors.Join(errs...)
	}
	for _, install := range []func(context.Context, *resource.Resource) (func(context.Context) error, error){
		set.installTraces, set.installMetrics,
	} {
		stopSignal, err := install(ctx, about)
		if err != nil {
			return nil, errors.Join(err, stop(ctx))
		}
		if stopSignal != nil {
			stops = append(stops, stopSignal)
		}
	}
	return stop, nil
}

// describe says whom the telemetry is of. Several instances of one process differ by their instance id.
func describe(ctx context.Context, name string) (*resource.Resource, error) {
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.namespace", "aftercare"), attribute.String("service.name", name),
			attribute.String("service.version", Version()), attribute.String("service.instance.id", rand.Text()),
		),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES cannot be used: %w", err)
	}
	return about, nil
}

// version is stamped at the build of a release:
//
//	go build -ldflags "-X aftercare.dev/services/platform/telemetry.version=v1.2.3"
var version string

// Version is the version that the program was built from: the stamp of the build, or else the commit, or else the
// module's version.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return info.Main.Version
}
