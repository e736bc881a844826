package telemetry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"aftercare.dev/services/platform/telemetry"
)

func TestADatabaseIsAskedOnceHoweverOftenGaugesAre(t *testing.T) {
	asked := 0
	failure := errors.New("it does not answer")
	read := telemetry.Sample(func(ctx context.Context) (int, error) {
		asked++
		if at, bounded := ctx.Deadline(); !bounded || time.Until(at) > 3*time.Second {
			t.Errorf("the question may take until %s", at)
		}
		return 7, failure
	})
	for range 3 {
		if value, err := read(t.Context()); value != 7 || !errors.Is(err, failure) {
			t.Errorf("got %d, %v", value, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
