package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"go.temporal.io/api/enums/v1"

	"aftercare.dev/deploy/temporal"
	"aftercare.dev/workflows/contract"
)

// runTemporal is the embedded Temporal server as a process of its own: for trying out a house of several processes, and
// for tests of one. A house in production has a Temporal cluster.
func runTemporal(ctx context.Context, flags *flag.FlagSet, args []string) error {
	dir := flags.String("dir", "var/temporal", "where its database is kept")
	listen := flags.String("listen", temporal.DefaultFrontendAddr, "the frontend; clients and workers must reach this address")
	ui := flags.String("ui", temporal.DefaultUIAddr, "the UI; empty for none")
	bare := flags.Bool("bare", false, "make neither namespace nor search attributes: `worker setup` does")
	if err := flags.Parse(args); err != nil {
		return err
	}
	log, err := newLogger()
	if err != nil {
		return err
	}
	attributes := map[string]enums.IndexedValueType{}
	for _, key := range contract.Attributes() {
		attributes[key.GetName()] = key.GetValueType()
	}
	server, err := temporal.Start(ctx, temporal.Config{
		Dir: *dir, FrontendAddr: *listen, UIAddr: *ui, SearchAttributes: attributes, Bare: *bare, Logger: log,
	})
	var taken *temporal.PortTakenError
	if errors.As(err, &taken) {
		return fmt.Errorf("%w: stop what uses it, or choose another one with --listen and --ui", err)
	}
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Printf("Temporal is up at %s\n", server.FrontendAddr())
	select {
	case <-ctx.Done():
		return nil
	case <-server.Done():
		return server.Wait()
	}
}
