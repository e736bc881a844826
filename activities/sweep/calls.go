package sweep

import (
	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/call"
)

// Compare compares Temporal with the cases service, both ways. It takes milliseconds for each open case.
func Compare(ctx workflow.Context, in Input) (Report, error) {
	return call.Long[Report](ctx, "Compare Temporal with the cases service", Prefix+"Compare", in)
}
