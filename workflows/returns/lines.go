package returns

import (
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
)

// line is what happened to a line of the case.
type line struct {
	id       string
	quantity int64
	// received is what the warehouse counted.
	received  int64
	inspected *contract.InspectedLine
	refund    *money.Money
}

// accepted is how many units are refunded: those the warehouse accepted; all where nobody inspected.
func (l line) accepted() int64 {
	if l.inspected == nil {
		return l.quantity
	}
	return l.inspected.Accepted
}

// goesBack is how many units are sent back to the buyer: what was rejected and is there.
func (l line) goesBack() int64 {
	if l.inspected == nil || l.inspected.Condition == conditionMissing {
		return 0
	}
	return l.inspected.Rejected
}

// disputed tells that the buyer gets less than everything for the line.
func (l line) disputed() bool {
	return l.inspected != nil && (l.inspected.Rejected > 0 || l.inspected.Deduction != nil && l.inspected.Deduction.Amount > 0)
}

const conditionMissing = "missing"

// showLines brings the lines into what readers see.
func (r *returning) showLines() {
	shown := make([]api.LineState, 0, len(r.lines))
	for _, l := range r.lines {
		state := api.LineState{LineID: l.id, Quantity: l.quantity, Refund: l.refund}
		if l.received > 0 || r.received {
			received := l.received
			state.ReceivedQuantity = &received
		}
		if verdict := l.inspected; verdict != nil {
			state.AcceptedQuantity, state.RejectedQuantity = &verdict.Accepted, &verdict.Rejected
			state.Condition, state.Deduction = &verdict.Condition, verdict.Deduction
			if verdict.Disposition != "" {
				state.Disposition = &verdict.Disposition
			}
		}
		shown = append(shown, state)
	}
	r.flow.State.Lines = &shown
}

func (r *returning) line(id string) *line {
	for i := range r.lines {
		if r.lines[i].id == id {
			return &r.lines[i]
		}
	}
	return nil
}

// anyLine tells whether a line has the property.
func (r *returning) anyLine(has func(line) bool) bool {
	for _, l := range r.lines {
		if has(l) {
			return true
		}
	}
	return false
}

// outcome is how the case ended for the buyer's money.
func (r *returning) outcome() api.Outcome {
	switch {
	case r.givenUp != "":
		return r.givenUp
	case !r.anyLine(func(l line) bool { return l.accepted() > 0 }):
		return api.OutcomeRejected
	case r.anyLine(line.disputed):
		return api.OutcomePartlyRefunded
	default:
		return api.OutcomeRefunded
	}
}
