package returns_test

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"aftercare.dev/workflows/contract"
)

// Who acts.
var (
	buyer     = by(contract.Buyer, "b1")
	agent     = by(contract.Agent, "a1")
	warehouse = by(contract.Warehouse, "w1")
	finance   = by(contract.Finance, "f1")
	operator  = by(contract.Operator, "op1")
)

func by(role contract.Role, id string) contract.Envelope {
	return contract.Envelope{Actor: contract.Actor{Role: role, ID: id}}
}

// noted adds the actor's words.
func noted(e contract.Envelope, note string) contract.Envelope {
	e.NoteID = note
	return e
}

// received is the warehouse with a parcel as announced.
func received() contract.Receive {
	return contract.Receive{Envelope: warehouse, Contents: contract.ContentsAsAnnounced}
}

// acceptAll is a verdict in the buyer's favour.
func acceptAll() contract.Inspect {
	return contract.Inspect{Envelope: warehouse, Lines: []contract.InspectedLine{
		{LineID: "l1", Accepted: 2, Condition: "intact", Disposition: "restock_new"},
	}}
}

// rejectOne accepts one unit and rejects the other.
func rejectOne() contract.Inspect {
	return contract.Inspect{Envelope: warehouse, Lines: []contract.InspectedLine{
		{LineID: "l1", Accepted: 1, Rejected: 1, Condition: "used", Rejection: "used"},
	}}
}

// rejectAll accepts nothing.
func rejectAll() contract.Inspect {
	return contract.Inspect{Envelope: warehouse, Lines: []contract.InspectedLine{
		{LineID: "l1", Rejected: 2, Condition: "damaged", Rejection: "damaged_by_buyer"},
	}}
}

// decide is an agent who decides about a parcel.
func decide(decision string) contract.DecideParcel {
	return contract.DecideParcel{Envelope: noted(agent, "note_decision"), Decision: decision}
}

// answer is what came of an action.
type answer struct {
	name, id string
	t        require.TestingT
	accepted bool
	refused  *contract.Refusal
	acted    contract.Acted
	opened   contract.Opened
	err      error
	done     bool
	sent     bool
	// wants is checked at the end.
	wants func()
}

var updates atomic.Int64

func (w *world) newAnswer(act contract.Act) *answer {
	a := &answer{t: w.t, name: contract.OpenUpdate, id: fmt.Sprintf("u%d", updates.Add(1))}
	if act != nil {
		a.name = string(act.Action())
	}
	w.answers = append(w.answers, a)
	return a
}

func (a *answer) callback() *testsuite.TestUpdateCallback {
	return &testsuite.TestUpdateCallback{
		OnAccept: func() { a.accepted = true },
		OnReject: func(err error) { a.refused, a.err = refusalOf(err), err },
		OnComplete: func(out any, err error) {
			a.done, a.err = true, err
			switch out := out.(type) {
			case contract.Acted:
				a.acted = out
			case contract.Opened:
				a.opened = out
			}
			if err != nil {
				a.refused = refusalOf(err)
			}
		},
	}
}

func refusalOf(err error) *contract.Refusal {
	var refusal contract.Refusal
	var failure *temporal.ApplicationError
	if !errors.As(err, &failure) || failure.Details(&refusal) != nil {
		return nil
	}
	return &refusal
}

// expect is ok, checked at the end of the case.
func (a *answer) expect(stage string) *answer {
	a.wants = func() { a.ok(stage) }
	return a
}

// refuse is no, checked at the end of the case. Without a code the workflow may have ended.
func (a *answer) refuse(code string) *answer {
	a.wants = func() {
		if code == "" {
			require.Error(a.t, a.err, "%s is refused", a.name)
			return
		}
		a.no(code)
	}
	return a
}

// ok requires that the action was taken and left the case in a stage.
func (a *answer) ok(stage string) {
	require.True(a.t, a.done, "%s is answered", a.name)
	require.NoError(a.t, a.err, "%s is taken", a.name)
	require.Equal(a.t, stage, a.acted.Stage, "stage after %s", a.name)
}

// no requires that the action was refused.
func (a *answer) no(code string) *contract.Refusal {
	require.Error(a.t, a.err, "%s is refused", a.name)
	require.NotNil(a.t, a.refused, "%s is refused with a reason, not with %v", a.name, a.err)
	require.Equal(a.t, code, a.refused.Code)
	return a.refused
}
