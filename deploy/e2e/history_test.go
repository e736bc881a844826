package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/proto"
)

// namespace is where the workflows are.
const namespace = "aftercare"

// history is what is kept of a workflow: the number of its events, their size, and all that is in them.
type history struct {
	events, bytes int
	// kinds are the events in their order.
	kinds []string
	// content has every string and every payload of the events, with memo, summary and search attributes.
	content string
}

func (h *house) dial(t testing.TB) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: h.temporal, Namespace: namespace, Logger: sdklog.NewStructuredLogger(quiet)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// historiesOf are those of the workflows of a case, of which there are so many: the list of them follows a moment later.
func historiesOf(t testing.TB, h *house, merchant, caseID string, workflows int) map[string]history {
	t.Helper()
	found := map[string]history{}
	eventually(t, "all workflows of "+caseID+" listed", func() bool {
		for id, one := range histories(t, h) {
			if strings.Contains(id, "/"+merchant+"/"+caseID) {
				found[id] = one
			}
		}
		return len(found) == workflows
	})
	return found
}

// histories are those of all workflows of the namespace, runs of one id together.
func histories(t testing.TB, h *house) map[string]history {
	t.Helper()
	ctx := context.Background()
	c := h.dial(t)
	all := map[string]history{}
	var page []byte
	for {
		listed, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, NextPageToken: page})
		require.NoError(t, err)
		for _, run := range listed.GetExecutions() {
			described, err := proto.Marshal(run)
			require.NoError(t, err)
			id := run.GetExecution().GetWorkflowId()
			one := all[id]
			one.content += string(described)
			events := c.GetWorkflowHistory(ctx, id, run.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				event, err := events.Next()
				require.NoError(t, err)
				encoded, err := proto.Marshal(event)
				require.NoError(t, err)
				one.events++
				one.kinds = append(one.kinds, event.GetEventType().String())
				one.bytes += len(encoded)
				one.content += string(encoded)
			}
			all[id] = one
		}
		if page = listed.GetNextPageToken(); len(page) == 0 {
			return all
		}
	}
}
