package twin

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	updatepb "go.temporal.io/api/update/v1"
)

func payload(plain string) *common.Payload {
	return &common.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(plain)}
}

func payloads(plain string) *common.Payloads {
	return &common.Payloads{Payloads: []*common.Payload{payload(plain)}}
}

func of(kind enums.EventType) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{EventType: kind}
}

func startOf(input *common.Payloads) *historypb.HistoryEvent {
	e := of(enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
	e.Attributes = &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
		WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
			WorkflowType: &common.WorkflowType{Name: "Return"}, Input: input,
		},
	}
	return e
}

func accepted(name string) *historypb.HistoryEvent {
	e := of(enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
	e.Attributes = &historypb.HistoryEvent_WorkflowExecutionUpdateAcceptedEventAttributes{
		WorkflowExecutionUpdateAcceptedEventAttributes: &historypb.WorkflowExecutionUpdateAcceptedEventAttributes{
			AcceptedRequest: &updatepb.Request{Meta: &updatepb.Meta{UpdateId: "u"}, Input: &updatepb.Input{Name: name}},
		},
	}
	return e
}

func localRun(name, summary string) *historypb.HistoryEvent {
	e := markerOf(localMarker, map[string]*common.Payloads{"data": payloads(`{"ActivityType":"` + name + `"}`), "result": payloads(`"ok"`)})
	e.UserMetadata = &sdkpb.UserMetadata{Summary: payload(`"` + summary + `"`)}
	return e
}

func markerOf(name string, details map[string]*common.Payloads) *historypb.HistoryEvent {
	e := of(enums.EVENT_TYPE_MARKER_RECORDED)
	e.Attributes = &historypb.HistoryEvent_MarkerRecordedEventAttributes{
		MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{MarkerName: name, Details: details},
	}
	return e
}

func ranWrong(name string) *historypb.HistoryEvent {
	e := localRun(name, "x")
	e.GetMarkerRecordedEventAttributes().Failure = &failurepb.Failure{Message: "no"}
	return e
}

func versionOf(change, version string) *historypb.HistoryEvent {
	return markerOf(versionMarker, map[string]*common.Payloads{"change-id": payloads(`"` + change + `"`), "version": payloads(version)})
}

func upsertOf(names ...string) *historypb.HistoryEvent {
	e := of(enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
	fields := map[string]*common.Payload{}
	for _, name := range names {
		fields[name] = payload(`"value"`)
	}
	e.Attributes = &historypb.HistoryEvent_UpsertWorkflowSearchAttributesEventAttributes{
		UpsertWorkflowSearchAttributesEventAttributes: &historypb.UpsertWorkflowSearchAttributesEventAttributes{
			SearchAttributes: &common.SearchAttributes{IndexedFields: fields},
		},
	}
	return e
}

func task() []*historypb.HistoryEvent {
	return []*historypb.HistoryEvent{
		of(enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED), of(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED), of(enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED),
	}
}

func failedTask() []*historypb.HistoryEvent {
	return []*historypb.HistoryEvent{
		of(enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED), of(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED), of(enums.EVENT_TYPE_WORKFLOW_TASK_FAILED),
	}
}

// inOrder numbers events, or lists of them.
func inOrder(t *testing.T, parts ...any) []*historypb.HistoryEvent {
	t.Helper()
	var all []*historypb.HistoryEvent
	for _, part := range parts {
		switch part := part.(type) {
		case *historypb.HistoryEvent:
			all = append(all, part)
		case []*historypb.HistoryEvent:
			all = append(all, part...)
		default:
			require.Failf(t, "not events", "%T", part)
		}
	}
	for i, e := range all {
		e.EventId = int64(i + 1)
	}
	return all
}

func TestATaskThatNothingWokeBelongsToTheOneBefore(t *testing.T) {
	shape, err := shapeOf([]History{{WorkflowID: "case/m/c", Events: inOrder(t,
		startOf(payloads(`{"a":1}`)), failedTask(), task(), accepted("open"), localRun("cases.Judge", "Judge"),
		task(), localRun("cases.Record", "Record"), upsertOf("CaseStage"),
	)}})
	require.NoError(t, err)
	require.Equal(t, []Size{7}, shape.Input)
	require.Equal(t, []Step{{
		Wakes: []Wake{{Kind: UpdateAccepted}},
		Does: []Command{
			{Kind: RunLocal, Name: "cases.Judge", Summary: 7, Output: []Size{4}},
			{Kind: RunLocal, Name: "cases.Record", Summary: 8, Output: []Size{4}},
			{Kind: Upsert, Attributes: []Attribute{{Name: "CaseStage", Size: 7}}},
		},
	}}, shape.Steps)
}

func TestAChangeOfTheCodeIsLearnedOnce(t *testing.T) {
	shape, err := shapeOf([]History{{Events: inOrder(t,
		startOf(payloads(`1`)), task(), accepted("open"), versionOf("minds-money", "1"), upsertOf(changeVersion),
	)}})
	require.NoError(t, err)
	require.Equal(t, []Command{{Kind: Version, Name: "minds-money", Number: 1}}, shape.Steps[0].Does)
}

func TestWhatATwinCannotPlayIsNotLearned(t *testing.T) {
	sealed := payloads("?")
	sealed.GetPayloads()[0].Metadata["encoding"] = []byte("binary/encrypted")
	for name, events := range map[string][]*historypb.HistoryEvent{
		"PAYLOAD_KEYS":      inOrder(t, startOf(sealed)),
		"cannot play this":  inOrder(t, startOf(nil), of(enums.EVENT_TYPE_ACTIVITY_TASK_FAILED)),
		"failed: true":      inOrder(t, startOf(nil), task(), accepted("open"), ranWrong("cases.Judge")),
		"marker SideEffect": inOrder(t, startOf(nil), task(), accepted("open"), markerOf("SideEffect", nil)),
		"come after an act": inOrder(t, startOf(nil), task(), accepted("open"), of(enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)),
		"before the first":  inOrder(t, startOf(nil), accepted("open")),
	} {
		_, err := shapeOf([]History{{WorkflowID: "case/m/c", Events: events}})
		require.ErrorContains(t, err, name)
	}
}

func TestActionsAreCountedByTheRulesOfTemporalCloud(t *testing.T) {
	activity := of(enums.EVENT_TYPE_ACTIVITY_TASK_STARTED)
	activity.Attributes = &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{
		ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{Attempt: 3},
	}
	child := startOf(nil)
	child.GetWorkflowExecutionStartedEventAttributes().ParentWorkflowExecution = &common.WorkflowExecution{WorkflowId: "case/m/c"}
	together := localRun("cases.Record", "Record: case.opened, case.approved")
	for name, test := range map[string]struct {
		events            []*historypb.HistoryEvent
		actions, straight int
	}{
		"a start": {inOrder(t, startOf(nil), task()), 1, 1},
		"the start of a child, counted by its parent": {inOrder(t, child, task()), 0, 0},
		"an intent to start a child, and the start":   {inOrder(t, of(enums.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED)), 2, 2},
		"an update, a signal and a timer": {inOrder(t,
			accepted("open"), of(enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED), of(enums.EVENT_TYPE_TIMER_STARTED), of(enums.EVENT_TYPE_TIMER_CANCELED)), 3, 3},
		"an activity that was tried three times": {inOrder(t, of(enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), activity), 3, 3},
		"local activities of one task":           {inOrder(t, task(), localRun("a", "a"), localRun("b", "b")), 1, 2},
		"local activities of two tasks":          {inOrder(t, task(), localRun("a", "a"), task(), localRun("b", "b")), 2, 2},
		"two entries in one step":                {inOrder(t, task(), together), 1, 2},
		"an upsert of three":                     {inOrder(t, task(), upsertOf("CaseStage", "CaseId", "OrderId")), 1, 1},
		"a version marker and its attribute":     {inOrder(t, task(), versionOf("x", "1"), upsertOf(changeVersion)), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.actions, Actions(test.events), "actions")
			require.Equal(t, test.straight, Straightforward(test.events), "of the straightforward form")
		})
	}
}

func TestValuesHaveTheSizeThatWasLearned(t *testing.T) {
	for _, n := range []Size{1, 2, 3, 33, 800, 5000} {
		encoded, err := json.Marshal(n.value())
		require.NoError(t, err)
		require.Len(t, encoded, int(n))
	}
	for n := Size(len(`"2030-01-02T03:04:05Z"`)); n <= 32; n++ {
		if n == 23 {
			continue // a time has no digit, or a point and one at least
		}
		encoded, err := json.Marshal(moment(n))
		require.NoError(t, err)
		require.Len(t, encoded, int(n))
	}
}

func TestAnActivityIsToldWhatToAnswerAndWhatFollows(t *testing.T) {
	for name, told := range map[string]order{
		"an answer":   {answer: 311},
		"nothing":     {answer: Null},
		"two signals": {answer: 9, signals: []Signal{{Name: "carrier_event", Input: 90, After: time.Millisecond}, {Name: "carrier_event", Input: Null}}},
	} {
		t.Run(name, func(t *testing.T) {
			input := told.encode(150)
			encoded, err := json.Marshal(input)
			require.NoError(t, err)
			require.Len(t, encoded, 150, "the input has a size itself")
			heard, err := decode(input)
			require.NoError(t, err)
			require.Equal(t, told, heard)
			heard, err = decode(told.encode(3))
			require.NoError(t, err, "an input too small for it")
			require.Equal(t, told, heard)
		})
	}
	_, err := decode(text(40))
	require.ErrorContains(t, err, "cannot be told")
}
