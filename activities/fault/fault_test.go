package fault

import (
	"errors"
	"testing"

	"go.temporal.io/sdk/temporal"

	"aftercare.dev/services/platform/problem"
)

func TestWhatAnOperatorReadsIsACode(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"a service's code":              {From(problem.Unavailable("carrier_unavailable", "no")), "carrier_unavailable"},
		"a step that asks for one":      {temporal.NewNonRetryableApplicationError("x", "send_back_lost", nil), "send_back_lost"},
		"time is over":                  {temporal.NewTimeoutError(2, nil), Unavailable},
		"an error of no type of ours":   {temporal.NewApplicationError("boom", "*errors.errorString"), Unexpected},
		"the name of a Go type":         {temporal.NewApplicationError("boom", "wrapError"), Unexpected},
		"an error that never travelled": {errors.New("boom"), Unexpected},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Code(test.err); got != test.want {
				t.Errorf("%v is %s, want %s", test.err, got, test.want)
			}
		})
	}
}
