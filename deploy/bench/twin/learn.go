package twin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

const (
	localMarker   = "LocalActivity"
	versionMarker = "Version"
	// changeVersion is the search attribute that a version marker brings with it.
	changeVersion = "TemporalChangeVersion"
)

// Learn reads the histories of one case of the product, which has ended, and of all that it started. It fails if there is
// something that a twin cannot play, such as a failed activity or an encrypted payload: learn from a case that went as it
// should, on a quiet machine, without PAYLOAD_KEYS. Tasks that were tried again are passed over.
func Learn(ctx context.Context, c client.Client, workflowID string) (Shape, error) {
	all, err := Histories(ctx, c, workflowID)
	if err != nil {
		return Shape{}, err
	}
	return shapeOf(all)
}

// shapeOf is the shape of the first history. Those that it started follow it.
func shapeOf(all []History) (Shape, error) {
	byID := map[string][]History{}
	for i, h := range all {
		byID[h.WorkflowID] = all[i:]
	}
	l := &learner{history: all[0], below: byID, numbers: map[int64]int{}}
	if err := l.learn(); err != nil {
		return Shape{}, fmt.Errorf("learn from %s: %w", all[0].WorkflowID, err)
	}
	return l.shape, nil
}

// learner goes through the events of one workflow.
type learner struct {
	history History
	below   map[string][]History
	shape   Shape
	// pending are the wakes since the last workflow task.
	pending []Wake
	// called is the activity that ended last, or nil, and since is when.
	called *place
	since  time.Time
	// answered is when the last update was answered, or accepted, and moved is set by other wakes since then.
	answered time.Time
	moved    bool
	// numbers are those of what events began, by the id of the event.
	numbers    map[int64]int
	timers     int
	activities []place
	err        error
}

// place is where a command is.
type place struct{ step, command int }

func (l *learner) learn() error {
	for _, event := range l.history.Events {
		l.take(event)
		if l.err != nil {
			return fmt.Errorf("event %d, %s: %w", event.GetEventId(), event.GetEventType(), l.err)
		}
	}
	seen := []string{}
	for _, child := range l.shape.Children {
		if slices.Contains(seen, child.Shape.Type) {
			return fmt.Errorf("it has two children of type %s, and a twin has one of each type", child.Shape.Type)
		}
		seen = append(seen, child.Shape.Type)
	}
	return nil
}

func (l *learner) take(event *historypb.HistoryEvent) {
	switch event.GetEventType() {
	case enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, enums.EVENT_TYPE_WORKFLOW_TASK_STARTED,
		enums.EVENT_TYPE_WORKFLOW_TASK_FAILED, enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		l.started(event)
	case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
		l.task()
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		l.shape.Output = l.sizes(event.GetWorkflowExecutionCompletedEventAttributes().GetResult())
	default:
		if !l.wake(event) && !l.command(event) {
			l.err = errors.New("a twin cannot play this")
		}
	}
}

func (l *learner) started(event *historypb.HistoryEvent) {
	started := event.GetWorkflowExecutionStartedEventAttributes()
	l.shape = Shape{
		Type: started.GetWorkflowType().GetName(), Queue: started.GetTaskQueue().GetName(), ID: len(l.history.WorkflowID),
		Input:   l.sizes(started.GetInput()),
		Summary: l.summary(event.GetUserMetadata()), Details: l.size(event.GetUserMetadata().GetDetails()),
		Attributes: l.attributes(started.GetSearchAttributes()),
	}
	for name, value := range started.GetMemo().GetFields() {
		if l.shape.Memo == nil {
			l.shape.Memo = map[string]Size{}
		}
		l.shape.Memo[name] = l.size(value)
	}
}

// task begins a step.
func (l *learner) task() {
	l.shape.Steps = append(l.shape.Steps, Step{Wakes: l.pending})
	l.pending = nil
}

// wake takes what a workflow task can wait for, and tells whether it was that.
func (l *learner) wake(event *historypb.HistoryEvent) bool {
	var w Wake
	switch event.GetEventType() {
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		l.accepted(event)
		return true
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		l.signalled(event)
		w = Wake{Kind: Signalled, Signal: event.GetWorkflowExecutionSignaledEventAttributes().GetSignalName()}
	case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		done := event.GetActivityTaskCompletedEventAttributes()
		w = Wake{Kind: ActivityEnded, Number: l.numbers[done.GetScheduledEventId()]}
		l.called, l.since = &l.activities[w.Number], event.GetEventTime().AsTime()
		l.at(*l.called).Output = l.sizes(done.GetResult())
	case enums.EVENT_TYPE_TIMER_FIRED:
		w = Wake{Kind: TimerFired, Number: l.numbers[event.GetTimerFiredEventAttributes().GetStartedEventId()]}
	case enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
		w = Wake{Kind: ChildStarted, Number: l.numbers[event.GetChildWorkflowExecutionStartedEventAttributes().GetInitiatedEventId()]}
	case enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
		w = Wake{Kind: ChildEnded, Number: l.numbers[event.GetChildWorkflowExecutionCompletedEventAttributes().GetInitiatedEventId()]}
	default:
		return false
	}
	l.pending = append(l.pending, w)
	l.moved = true
	return true
}

// signalled has the signal come after the activity before it: of all that a workflow does, that is what providers hear.
func (l *learner) signalled(event *historypb.HistoryEvent) {
	signal := event.GetWorkflowExecutionSignaledEventAttributes()
	input := l.sizes(signal.GetInput())
	if l.called == nil || len(input) != 1 {
		l.err = errors.New("a twin's signals have one value and come after an activity")
		return
	}
	command := l.at(*l.called)
	command.Signals = append(command.Signals, Signal{
		Name: signal.GetSignalName(), Input: input[0], After: event.GetEventTime().AsTime().Sub(l.since),
	})
}

func (l *learner) at(p place) *Command { return &l.shape.Steps[p.step].Does[p.command] }

// accepted is a wake of the task that it is an event of.
func (l *learner) accepted(event *historypb.HistoryEvent) {
	request := event.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest()
	l.numbers[event.GetEventId()] = len(l.shape.Updates)
	step := l.step()
	step.Wakes = append(step.Wakes, Wake{Kind: UpdateAccepted, Number: len(l.shape.Updates)})
	update := Update{
		Name: request.GetInput().GetName(), ID: len(request.GetMeta().GetUpdateId()), Input: l.sizes(request.GetInput().GetArgs()),
	}
	if l.moved {
		update.After = event.GetEventTime().AsTime().Sub(l.answered)
	}
	l.shape.Updates = append(l.shape.Updates, update)
	l.heard(event)
}

// heard says that the workflow has not gone on since by anything but an update.
func (l *learner) heard(event *historypb.HistoryEvent) {
	l.answered, l.moved = event.GetEventTime().AsTime(), false
}

func (l *learner) step() *Step {
	if len(l.shape.Steps) == 0 {
		l.err = errors.New("it comes before the first workflow task")
		return &Step{}
	}
	return &l.shape.Steps[len(l.shape.Steps)-1]
}

func (l *learner) does(c Command) {
	step := l.step()
	if last := len(l.shape.Steps) - 1; last > 0 && len(step.Wakes) == 0 {
		// A task that nothing woke, such as one that keeps a local activity alive, belongs to the step before.
		l.shape.Steps = l.shape.Steps[:last]
		step = l.step()
	}
	step.Does = append(step.Does, c)
}

// command takes what a workflow task did, and tells whether it was that.
func (l *learner) command(event *historypb.HistoryEvent) bool {
	summary := l.summary(event.GetUserMetadata())
	switch event.GetEventType() {
	case enums.EVENT_TYPE_MARKER_RECORDED:
		l.marker(event)
	case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		l.numbers[event.GetEventId()] = len(l.activities)
		l.does(Command{
			Kind: RunRemote, Name: scheduled.GetActivityType().GetName(), Summary: summary,
			Input: l.sizes(scheduled.GetInput()), Options: optionsOf(scheduled),
		})
		l.activities = append(l.activities, place{len(l.shape.Steps) - 1, len(l.step().Does) - 1})
	case enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
		set := event.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes()
		if !isChangeVersion(set.GetIndexedFields()) {
			l.does(Command{Kind: Upsert, Attributes: l.attributes(set)})
		}
	case enums.EVENT_TYPE_TIMER_STARTED:
		l.numbers[event.GetEventId()] = l.timers
		l.timers++
		l.does(Command{Kind: StartTimer, Summary: summary, Duration: event.GetTimerStartedEventAttributes().GetStartToFireTimeout().AsDuration()})
	case enums.EVENT_TYPE_TIMER_CANCELED:
		l.does(Command{Kind: StopTimer, Number: l.numbers[event.GetTimerCanceledEventAttributes().GetStartedEventId()]})
	case enums.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
		l.child(event)
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
		l.answer(event.GetWorkflowExecutionUpdateCompletedEventAttributes())
		l.heard(event)
	default:
		return false
	}
	return true
}

func (l *learner) marker(event *historypb.HistoryEvent) {
	marker := event.GetMarkerRecordedEventAttributes()
	details := marker.GetDetails()
	switch {
	case marker.GetMarkerName() == localMarker && marker.GetFailure() == nil:
		var ran struct{ ActivityType string }
		if l.err = read(details["data"], &ran); l.err != nil {
			return
		}
		l.does(Command{Kind: RunLocal, Name: ran.ActivityType, Summary: l.summary(event.GetUserMetadata()), Output: l.sizes(details["result"])})
	case marker.GetMarkerName() == versionMarker:
		change := Command{Kind: Version}
		if l.err = read(details["change-id"], &change.Name); l.err == nil {
			l.err = read(details["version"], &change.Number)
		}
		l.does(change)
	default:
		l.err = fmt.Errorf("a twin cannot play the marker %s (failed: %t)", marker.GetMarkerName(), marker.GetFailure() != nil)
	}
}

func (l *learner) child(event *historypb.HistoryEvent) {
	initiated := event.GetStartChildWorkflowExecutionInitiatedEventAttributes()
	below, ok := l.below[initiated.GetWorkflowId()]
	if !ok {
		l.err = fmt.Errorf("the history of the child %s is missing", initiated.GetWorkflowId())
		return
	}
	shape, err := shapeOf(below)
	if err != nil {
		l.err = err
		return
	}
	number := len(l.shape.Children)
	l.numbers[event.GetEventId()] = number
	l.shape.Children = append(l.shape.Children, Child{
		Shape: shape, Reuse: initiated.GetWorkflowIdReusePolicy(), Parent: initiated.GetParentClosePolicy(),
	})
	l.does(Command{Kind: StartChild, Number: number})
}

func (l *learner) answer(completed *historypb.WorkflowExecutionUpdateCompletedEventAttributes) {
	number := l.numbers[completed.GetAcceptedEventId()]
	if completed.GetOutcome().GetFailure() != nil || number >= len(l.shape.Updates) {
		l.err = errors.New("a twin answers every update with a success")
		return
	}
	l.shape.Updates[number].Output = l.sizes(completed.GetOutcome().GetSuccess())
	l.does(Command{Kind: Answer, Number: number})
}

func optionsOf(scheduled *historypb.ActivityTaskScheduledEventAttributes) *Options {
	retry := scheduled.GetRetryPolicy()
	return &Options{
		ScheduleToClose: scheduled.GetScheduleToCloseTimeout().AsDuration(),
		ScheduleToStart: scheduled.GetScheduleToStartTimeout().AsDuration(),
		StartToClose:    scheduled.GetStartToCloseTimeout().AsDuration(),
		Heartbeat:       scheduled.GetHeartbeatTimeout().AsDuration(),
		RetryFirst:      retry.GetInitialInterval().AsDuration(), RetryLast: retry.GetMaximumInterval().AsDuration(),
		RetryFactor: retry.GetBackoffCoefficient(), RetryAttempts: retry.GetMaximumAttempts(),
	}
}

func (l *learner) attributes(set *common.SearchAttributes) []Attribute {
	var all []Attribute
	for name, value := range set.GetIndexedFields() {
		all = append(all, Attribute{Name: name, Size: l.size(value)})
	}
	slices.SortFunc(all, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (l *learner) summary(metadata *sdkpb.UserMetadata) Size { return l.size(metadata.GetSummary()) }

func (l *learner) sizes(all *common.Payloads) []Size {
	var sizes []Size
	for _, p := range all.GetPayloads() {
		sizes = append(sizes, l.size(p))
	}
	return sizes
}

// size is that of a payload in JSON, 0 if there is none.
func (l *learner) size(p *common.Payload) Size {
	switch encoding := string(p.GetMetadata()[converter.MetadataEncoding]); {
	case p == nil:
		return 0
	case encoding == converter.MetadataEncodingNil:
		return Null
	case encoding != converter.MetadataEncodingJSON:
		l.err = fmt.Errorf("a payload is %s and must be plain JSON: learn from a house without PAYLOAD_KEYS", encoding)
	}
	return Size(len(p.GetData()))
}

func isChangeVersion(set map[string]*common.Payload) bool {
	_, ok := set[changeVersion]
	return ok
}

// read decodes the one payload of a marker's detail.
func read(from *common.Payloads, into any) error {
	if len(from.GetPayloads()) != 1 {
		return fmt.Errorf("the marker has %d values in place of one", len(from.GetPayloads()))
	}
	if err := json.Unmarshal(from.GetPayloads()[0].GetData(), into); err != nil {
		return fmt.Errorf("read the marker: %w", err)
	}
	return nil
}
