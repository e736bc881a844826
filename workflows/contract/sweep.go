package contract

import "time"

// The sweep compares Temporal with the cases service, both ways, and reports what differs and what does not go on.
const (
	// SweepWorkflow is its workflow type.
	SweepWorkflow = "Sweep"
	// SweepID is the id of its schedule, and what the ids of its workflows begin with.
	SweepID = "aftercare-sweep"
	// SweepEvery is how often the schedule starts it.
	SweepEvery = 10 * time.Minute
)

// SweepInput starts a sweep; the zero value is what the schedule uses.
type SweepInput struct {
	// GraceSeconds is how long something must have been wrong to be reported, because what is written in two places is
	// not written at once; 0 means 120.
	GraceSeconds int64 `json:"grace_seconds,omitempty"`
}
