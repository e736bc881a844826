package call

import "go.temporal.io/sdk/workflow"

// Footing tells whether what brought a workflow to its next step is in its history yet.
//
// An action of a person is in the history only once the workflow task that took it has ended. If the worker dies before,
// the action may be gone, while what a local activity did on its account is not: a case would be approved for readers and
// under review for its workflow. On a loose footing [Quick] therefore runs as an activity of its own, which is
// scheduled together with the action or not at all. From there on the footing is firm.
type Footing struct{ loose bool }

// Loosen says that the next step follows from something that is not in the history yet.
func (f *Footing) Loosen() { f.loose = true }

// Firm says that it is.
func (f *Footing) Firm() { f.loose = false }

type footingKey struct{}

// On returns a context whose calls mind the footing. Calls without one are on firm ground.
func On(ctx workflow.Context, f *Footing) workflow.Context {
	return workflow.WithValue(ctx, footingKey{}, f)
}

func footingOf(ctx workflow.Context) *Footing {
	if f, ok := ctx.Value(footingKey{}).(*Footing); ok {
		return f
	}
	return &Footing{}
}
