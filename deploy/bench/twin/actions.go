package twin

import (
	"strings"

	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// Actions are how many billable actions of Temporal Cloud are in the history of a workflow, by the rules of
// https://docs.temporal.io/evaluate/cloud/actions as of November 2026:
//
//   - the start of a workflow by a client, or because another continues as new, is one, and an update that comes with the
//     start is one more;
//   - each signal is one, where it arrives; each update is one. Updates that were refused and queries count too, but leave
//     nothing in a history;
//   - each start of an activity is one, and each retry; a heartbeat is one, and is not in a history;
//   - all local activities of a workflow task are one together;
//   - each timer that is started is one, whatever becomes of it;
//   - a child workflow is two, for the intent and for the start, both of which are counted in the history of its parent;
//   - each upsert of search attributes is one, of however many; those of a start are free, and so is TemporalChangeVersion;
//   - each version marker and each side effect is one.
func Actions(events []*historypb.HistoryEvent) int { return count(events, false) }

// Straightforward are the actions that the same workflow would take with an activity for each step: what is a local
// activity is one of its own, each entry of the timeline that was recorded together with others is recorded alone, and
// everything else is as it was.
func Straightforward(events []*historypb.HistoryEvent) int { return count(events, true) }

func count(events []*historypb.HistoryEvent, straight bool) int {
	actions := 0
	local := false // a local activity of the task is counted
	for _, event := range events {
		switch event.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			local = false
		case enums.EVENT_TYPE_MARKER_RECORDED:
			if event.GetMarkerRecordedEventAttributes().GetMarkerName() != localMarker {
				actions++
				continue
			}
			switch {
			case straight:
				actions += entries(event)
			case !local:
				actions++
			}
			local = true
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			if straight {
				actions += entries(event) - 1
			}
		default:
			actions += weight(event)
		}
	}
	return actions
}

// entries are how many of the timeline an activity records, by its summary, or 1 if it does something else.
func entries(event *historypb.HistoryEvent) int {
	recorded, ok := strings.CutPrefix(string(event.GetUserMetadata().GetSummary().GetData()), `"Record: `)
	if !ok {
		return 1
	}
	return strings.Count(recorded, ", ") + 1
}

// weight is how many actions an event is that counts by itself.
func weight(event *historypb.HistoryEvent) int {
	switch event.GetEventType() {
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		started := event.GetWorkflowExecutionStartedEventAttributes()
		if started.GetParentWorkflowExecution() != nil && started.GetContinuedExecutionRunId() == "" {
			return 0
		}
		return 1
	case enums.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
		return 2
	case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
		// Only the last attempt is an event, with its number.
		return int(event.GetActivityTaskStartedEventAttributes().GetAttempt())
	case enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
		if isChangeVersion(event.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes().GetIndexedFields()) {
			return 0
		}
		return 1
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, enums.EVENT_TYPE_TIMER_STARTED:
		return 1
	default:
		return 0
	}
}
