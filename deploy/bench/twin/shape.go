// Package twin plays the part of the product in Temporal and does nothing else: a workflow with the events of a real case,
// learned from its history, whose activities are empty and whose payloads are text of the same size. What the product
// needs more than its twin, in the same server and with the same worker options, it needs for what it does.
//
// [Learn] reads the history of a case into a [Shape], [NewWorkers] and [Driver] play it, and [Compare] refuses a twin that
// is not one.
package twin

import (
	"time"

	"go.temporal.io/api/enums/v1"

	"aftercare.dev/workflows/contract"
)

// Shape is what a workflow of a case does in Temporal, and what it starts. It can be kept as JSON.
type Shape struct {
	// Type and Queue are the product's.
	Type  string `json:"type"`
	Queue string `json:"queue"`
	// ID is the length of the workflow's id in bytes.
	ID         int             `json:"id"`
	Input      []Size          `json:"input"`
	Summary    Size            `json:"summary"`
	Details    Size            `json:"details"`
	Memo       map[string]Size `json:"memo,omitempty"`
	Attributes []Attribute     `json:"attributes,omitempty"`
	// Steps are the workflow tasks in their order, Updates and Children what they name by number.
	Steps    []Step   `json:"steps"`
	Updates  []Update `json:"updates,omitempty"`
	Children []Child  `json:"children,omitempty"`
	// Output is empty for a workflow that ends without a result.
	Output []Size `json:"output,omitempty"`
}

// Step is one workflow task: what has to be there before it, and what it does then.
type Step struct {
	Wakes []Wake    `json:"wakes"`
	Does  []Command `json:"does"`
}

// WakeKind is what a workflow can wait for.
type WakeKind string

// The kinds of [Wake].
const (
	UpdateAccepted WakeKind = "update_accepted"
	Signalled      WakeKind = "signalled"
	ActivityEnded  WakeKind = "activity_ended"
	TimerFired     WakeKind = "timer_fired"
	ChildStarted   WakeKind = "child_started"
	ChildEnded     WakeKind = "child_ended"
)

// Wake is one thing that a workflow task waited for.
type Wake struct {
	Kind WakeKind `json:"kind"`
	// Number says which of the workflow's updates, activities, timers or children; each is numbered from 0.
	Number int `json:"number,omitempty"`
	// Signal is the name of a signal.
	Signal string `json:"signal,omitempty"`
}

// CommandKind is what a workflow task can do.
type CommandKind string

// The kinds of [Command].
const (
	RunLocal   CommandKind = "run_local"
	RunRemote  CommandKind = "run_activity"
	Upsert     CommandKind = "upsert"
	StartTimer CommandKind = "start_timer"
	StopTimer  CommandKind = "stop_timer"
	StartChild CommandKind = "start_child"
	Answer     CommandKind = "answer"
	Version    CommandKind = "version"
)

// Command is one thing that a workflow task does.
type Command struct {
	Kind CommandKind `json:"kind"`
	// Name is the type of an activity, or the id of a change to the code.
	Name string `json:"name,omitempty"`
	// Number says which update is answered, which timer is stopped, which child is started, or which version is taken.
	Number  int    `json:"number,omitempty"`
	Summary Size   `json:"summary,omitempty"`
	Input   []Size `json:"input,omitempty"`
	Output  []Size `json:"output,omitempty"`
	// Options are those of an activity, and Signals are what the outside world answers to it.
	Options *Options `json:"options,omitempty"`
	Signals []Signal `json:"signals,omitempty"`
	// Duration is that of a timer.
	Duration   time.Duration `json:"duration_nanoseconds,omitempty"`
	Attributes []Attribute   `json:"attributes,omitempty"`
}

// Signal is what a provider makes of a call.
type Signal struct {
	Name  string `json:"name"`
	Input Size   `json:"input"`
	// After is how long after the end of the activity that called the provider it comes.
	After time.Duration `json:"after_nanoseconds"`
}

// Options are how an activity is run. Durations are in nanoseconds.
type Options struct {
	ScheduleToClose time.Duration `json:"schedule_to_close,omitempty"`
	ScheduleToStart time.Duration `json:"schedule_to_start,omitempty"`
	StartToClose    time.Duration `json:"start_to_close,omitempty"`
	Heartbeat       time.Duration `json:"heartbeat,omitempty"`
	RetryFirst      time.Duration `json:"retry_first,omitempty"`
	RetryLast       time.Duration `json:"retry_last,omitempty"`
	RetryFactor     float64       `json:"retry_factor,omitempty"`
	RetryAttempts   int32         `json:"retry_attempts,omitempty"`
}

// Update is a message that is answered.
type Update struct {
	Name string `json:"name"`
	// ID is the length of the update's id in bytes.
	ID     int    `json:"id"`
	Input  []Size `json:"input"`
	Output []Size `json:"output"`
	// After is how long after the answer to the update before it this one came, if something else moved the workflow
	// meanwhile; else 0.
	After time.Duration `json:"after_nanoseconds,omitempty"`
}

// Child is a workflow that another starts.
type Child struct {
	Shape  Shape                       `json:"shape"`
	Reuse  enums.WorkflowIdReusePolicy `json:"reuse"`
	Parent enums.ParentClosePolicy     `json:"parent"`
}

// Attribute is a search attribute with a value.
type Attribute struct {
	Name string `json:"name"`
	Size Size   `json:"size"`
}

// The task queues of the twin. Their names are as long as those of the product.
const (
	CasesQueue = "noop-twin-cases"
	MoneyQueue = "noop-twin-money"
)

// queue is the twin's queue in place of the product's.
func (s *Shape) queue() string {
	if s.Queue == contract.MoneyQueue {
		return MoneyQueue
	}
	return CasesQueue
}

// name is the twin's workflow type, as long as the product's.
func (s *Shape) name() string { return noop(s.Type) }

// noop is another name of the same length, or of four characters.
func noop(name string) string {
	const mark = "Noop"
	return mark + name[min(len(mark), len(name)):]
}

// all are the shape and those of the workflows below it.
func (s *Shape) all() []*Shape {
	shapes := []*Shape{s}
	for i := range s.Children {
		shapes = append(shapes, s.Children[i].Shape.all()...)
	}
	return shapes
}
