package counts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	updatepb "go.temporal.io/api/update/v1"
	"google.golang.org/protobuf/proto"
)

// historyBy is what processes of a name wrote, on a server that had done so many tasks.
func historyBy(name string, tasks int64) []*history.HistoryEvent {
	return []*history.HistoryEvent{
		{
			TaskId:    tasks + 1,
			EventType: enums.EVENT_TYPE_WORKFLOW_TASK_STARTED,
			Attributes: &history.HistoryEvent_WorkflowTaskStartedEventAttributes{
				WorkflowTaskStartedEventAttributes: &history.WorkflowTaskStartedEventAttributes{Identity: name, RequestId: "r-1"},
			},
		},
		{
			TaskId:    tasks + 9,
			EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
			Attributes: &history.HistoryEvent_WorkflowExecutionUpdateAcceptedEventAttributes{
				WorkflowExecutionUpdateAcceptedEventAttributes: &history.WorkflowExecutionUpdateAcceptedEventAttributes{
					AcceptedRequest: &updatepb.Request{Meta: &updatepb.Meta{UpdateId: "u-1", Identity: name}},
				},
			},
		},
	}
}

func TestTheBytesOfAHistoryDoNotDependOnMachineAndServer(t *testing.T) {
	t.Parallel()
	net := func(name string, tasks int64) int {
		events := historyBy(name, tasks)
		size := 0
		for _, e := range events {
			size += proto.Size(e)
		}
		chance, err := incidental(events)
		require.NoError(t, err)
		return size - chance
	}
	here := net("1@a", 10)
	require.Equal(t, here, net("12345@"+strings.Repeat("n", 40), 10))
	require.Equal(t, here, net("1@a", 1<<30))
}
