package personal

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/personal"
)

// Retained is how many rows were dropped, by service.
type Retained map[string]int64

// Retention goes through the services once. One that fails does not keep the others from their work; its turn comes
// again with the next run.
func Retention(ctx workflow.Context) (Retained, error) {
	retained := Retained{}
	var failed error
	lines := make([]string, 0, len(personal.Services))
	for _, service := range personal.Services {
		done, err := personal.Retain(ctx, service)
		if err != nil {
			failed = err
			lines = append(lines, fmt.Sprintf("- %s: failed, `%s`", service, fault.Code(err)))
			continue
		}
		retained[string(service)] = done.Rows + done.Photos
		lines = append(lines, fmt.Sprintf("- %s: %d dropped", service, done.Rows+done.Photos))
	}
	workflow.SetCurrentDetails(ctx, strings.Join(lines, "\n"))
	return retained, failed
}
