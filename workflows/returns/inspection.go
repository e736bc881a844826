package returns

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// receiving lets the warehouse say at any time that it has the goods, whatever the carrier reported.
func (r *returning) receiving() caseflow.Offer {
	o := offer(contract.ActionReceive, contract.Warehouse)
	o.Check = func(act contract.Act) *contract.Refusal {
		receive, ok := act.(contract.Receive)
		if !ok {
			return nil
		}
		for i, got := range receive.Lines {
			l := r.line(got.LineID)
			field := fmt.Sprintf("lines[%d]", i)
			if l == nil {
				return &contract.Refusal{Field: field + ".line_id", Detail: "this line is not in the case"}
			}
			if got.Quantity < 0 || got.Quantity > l.quantity {
				return &contract.Refusal{Field: field + ".quantity", Detail: fmt.Sprintf("the case has %d of this line", l.quantity)}
			}
		}
		return nil
	}
	return o
}

// receive takes the parcel in. Contents that are not those of the case are for a person to sort out.
func (r *returning) receive(ctx workflow.Context, act contract.Receive) (arrival, error) {
	r.received, r.empty = true, act.Contents == contract.ContentsEmpty
	if r.arrived.IsZero() {
		r.arrived = workflow.Now(ctx)
	}
	for i := range r.lines {
		r.lines[i].received = r.lines[i].quantity
		if len(act.Lines) > 0 {
			r.lines[i].received = 0
		}
	}
	for _, got := range act.Lines {
		r.line(got.LineID).received = got.Quantity
	}
	r.showLines()
	if act.Contents != contract.ContentsAsAnnounced && act.Contents != "" {
		r.flow.Tell(ctx, caseflow.Entry{
			Type: "shipment.mixed_up", By: act.Actor, NoteID: act.NoteID, Data: map[string]any{"contents": act.Contents},
		})
		if r.withdrawn && !r.empty {
			// Whatever came goes back.
			return arrived, nil
		}
		return r.investigate(ctx, act.Contents)
	}
	r.flow.Tell(ctx, caseflow.Entry{Type: "goods.received", By: act.Actor, NoteID: act.NoteID})
	r.startClaim(ctx)
	return arrived, nil
}

// inspect waits for the warehouse's verdict; its silence accepts everything.
func (r *returning) inspect(ctx workflow.Context) (arrival, error) {
	if r.arrived.IsZero() {
		r.arrived = workflow.Now(ctx)
	}
	deadline := r.arrived.Add(time.Duration(r.verdict.Clocks.InspectSeconds) * time.Second)
	for {
		offers := []caseflow.Offer{r.inspecting()}
		if !r.received {
			offers = append(offers, r.receiving())
		}
		wake, err := r.flow.Wait(ctx, caseflow.Wait{
			Stage: api.StageInspecting, Offers: offers, Deadline: deadline, Consequence: "accepted_by_silence",
		})
		if err != nil {
			return 0, err
		}
		switch act := wake.Act.(type) {
		case contract.Receive:
			if how, err := r.receive(ctx, act); err != nil || how != arrived {
				return how, err
			}
		case contract.Inspect:
			r.accept(ctx, act)
			return arrived, r.hearContest(ctx)
		default:
			r.flow.Tell(ctx, caseflow.Entry{
				Type: "goods.accepted_by_silence", By: caseflow.By("clock"), Rules: []string{"policy.inspection_silence"},
			})
			r.startClaim(ctx)
			return arrived, nil
		}
	}
}

// inspecting checks that every unit of the case has a verdict and that what is refused has a reason.
func (r *returning) inspecting() caseflow.Offer {
	o := offer(contract.ActionInspect, contract.Warehouse)
	o.Check = func(act contract.Act) *contract.Refusal {
		inspect, ok := act.(contract.Inspect)
		if !ok {
			return nil
		}
		seen := map[string]bool{}
		for i, verdict := range inspect.Lines {
			if refusal := r.checkVerdict(fmt.Sprintf("lines[%d]", i), verdict, seen); refusal != nil {
				return refusal
			}
		}
		for _, l := range r.lines {
			if !seen[l.id] {
				return &contract.Refusal{Field: "lines", Detail: "line " + l.id + " of the case is missing"}
			}
		}
		return nil
	}
	return o
}

func (r *returning) checkVerdict(field string, verdict contract.InspectedLine, seen map[string]bool) *contract.Refusal {
	l := r.line(verdict.LineID)
	switch {
	case l == nil:
		return &contract.Refusal{Field: field + ".line_id", Detail: "this line is not in the case"}
	case seen[verdict.LineID]:
		return &contract.Refusal{Field: field + ".line_id", Detail: "this line is named twice"}
	case verdict.Accepted < 0 || verdict.Rejected < 0:
		return &contract.Refusal{Field: field, Detail: "accepted and rejected are not negative"}
	case verdict.Accepted+verdict.Rejected != l.quantity:
		return &contract.Refusal{
			Field: field, Detail: fmt.Sprintf("accepted and rejected make %d, the case has %d", verdict.Accepted+verdict.Rejected, l.quantity),
		}
	case verdict.Deduction != nil && verdict.Deduction.Currency != r.verdict.Currency:
		return &contract.Refusal{Field: field + ".deduction.currency", Detail: "the order is in " + r.verdict.Currency}
	case verdict.Deduction != nil && verdict.Deduction.Amount < 0:
		return &contract.Refusal{Field: field + ".deduction.amount", Detail: "a deduction is not negative"}
	case verdict.Deduction != nil && verdict.Deduction.Amount > 0 && verdict.Accepted == 0:
		return &contract.Refusal{Field: field + ".deduction", Detail: "nothing is accepted that could be worth less"}
	}
	seen[verdict.LineID] = true
	disputed := verdict.Rejected > 0 || verdict.Deduction != nil && verdict.Deduction.Amount > 0
	if disputed && verdict.Rejection == "" {
		return &contract.Refusal{Field: field + ".rejection", Detail: "what is rejected or deducted needs a reason"}
	}
	return nil
}

// accept takes the verdict over.
func (r *returning) accept(ctx workflow.Context, act contract.Inspect) {
	for _, verdict := range act.Lines {
		l := r.line(verdict.LineID)
		l.inspected = &verdict
		if !r.received {
			l.received = verdict.Accepted + l.goesBack()
		}
	}
	r.received = true
	r.startClaim(ctx)
	r.showLines()
	data := map[string]any{"lines": act.Lines}
	r.flow.Tell(ctx, caseflow.Entry{Type: "goods.inspected", By: act.Actor, NoteID: act.NoteID, Data: data})
	if r.anyLine(line.disputed) {
		r.flow.Tell(ctx, caseflow.Entry{Type: "goods.rejected", By: act.Actor, NoteID: act.NoteID, Data: data})
	}
}

// hearContest gives the buyer time to contest what was rejected or deducted, before any money moves: the refund is paid
// once and in full (CN-24). Silence agrees; a contest is decided by a person, whose silence is in the buyer's favour.
func (r *returning) hearContest(ctx workflow.Context) error {
	if !r.anyLine(line.disputed) {
		return nil
	}
	wake, err := r.flow.Wait(ctx, caseflow.Wait{
		Stage: api.StageContesting,
		Offers: []caseflow.Offer{
			offer(contract.ActionAgree, contract.Buyer), offer(contract.ActionContest, contract.Buyer),
		},
		Deadline:    after(ctx, r.verdict.Clocks.ContestSeconds),
		Consequence: "agreed_by_silence",
	})
	if err != nil {
		return err
	}
	contest, ok := wake.Act.(contract.Contest)
	if !ok {
		agreed := caseflow.Entry{Type: "goods.rejection_agreed", By: caseflow.By("clock"), Rules: []string{"policy.contest_silence"}}
		if wake.Act != nil {
			agreed.By, agreed.NoteID, agreed.Rules = wake.Act.By().Actor, wake.Act.By().NoteID, nil
		}
		r.flow.Tell(ctx, agreed)
		return nil
	}
	r.flow.Tell(ctx, caseflow.Entry{Type: "goods.contested", By: contest.Actor, NoteID: contest.NoteID})
	wake, err = r.flow.Wait(ctx, caseflow.Wait{
		Stage:       api.StageContesting,
		Offers:      []caseflow.Offer{offer(contract.ActionDecideContest, contract.Agent)},
		Deadline:    after(ctx, r.verdict.Clocks.ReviewSeconds),
		Consequence: "accepted_by_silence",
	})
	if err != nil {
		return err
	}
	decided := caseflow.Entry{Type: "goods.contest_decided", By: caseflow.By("clock"), Data: map[string]any{"decision": contract.ContestAccept}}
	decision, ok := wake.Act.(contract.DecideContest)
	if ok {
		decided.By, decided.NoteID = decision.Actor, decision.NoteID
		decided.Data = map[string]any{"decision": decision.Decision}
	}
	if !ok || decision.Decision == contract.ContestAccept {
		r.acceptAll()
	}
	r.flow.Tell(ctx, decided)
	return nil
}

// acceptAll overrules the warehouse: every unit is refunded in full.
func (r *returning) acceptAll() {
	for i, l := range r.lines {
		verdict := *l.inspected
		verdict.Accepted, verdict.Rejected, verdict.Deduction, verdict.Rejection = l.quantity, 0, nil, ""
		r.lines[i].inspected = &verdict
	}
	r.showLines()
}
