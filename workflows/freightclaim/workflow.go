// Package freightclaim claims the return freight of a case at the insurer and waits for the payout. It runs beside the
// case and may outlive it: whatever becomes of the claim, the refund goes on.
package freightclaim

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/logistics"
	"aftercare.dev/activities/payment"
	"aftercare.dev/services/logistics/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// A claim that the insurer has not taken is filed again after a minute. One that it has is asked about after an hour: it
// should have called. Both ever less often.
const (
	firstFiling = time.Minute
	firstQuery  = time.Hour
	longest     = 24 * time.Hour
)

// FreightClaim files the claim, once per order, and ends when it is paid or rejected.
func FreightClaim(ctx workflow.Context, in contract.FreightClaimInput) (contract.FreightClaimResult, error) {
	c := setup(ctx, in)
	result, err := c.run(ctx)
	c.drain()
	return result, err
}

type claiming struct {
	in     contract.FreightClaimInput
	events workflow.ReceiveChannel
	// refile and query are how long the next wait of the kind is.
	refile, query time.Duration
}

func setup(ctx workflow.Context, in contract.FreightClaimInput) *claiming {
	return &claiming{in: in, events: workflow.GetSignalChannel(ctx, contract.InsurerEvent), refile: firstFiling, query: firstQuery}
}

func (c *claiming) run(ctx workflow.Context) (contract.FreightClaimResult, error) {
	claim, err := c.file(ctx)
	for err == nil {
		workflow.SetCurrentDetails(ctx, "Claim for the return freight: **"+string(claim.State)+"**. The insurer calls when it has decided; "+
			"if it does not, it is asked after "+c.query.String()+", and ever less often. The refund does not wait for it.")
		switch claim.State {
		case api.InsuranceClaimStatePaid:
			err := c.book(ctx, claim)
			return contract.FreightClaimResult{State: "paid", Payout: claim.Payout}, err
		case api.InsuranceClaimStateRejected:
			return contract.FreightClaimResult{State: "rejected", Reason: text(claim.Reason)}, nil
		case api.InsuranceClaimStatePending:
			c.wait(ctx, &c.refile, "File the claim again")
			claim, err = c.file(ctx)
		default:
			c.wait(ctx, &c.query, "Ask the insurer if it does not call")
			claim, err = logistics.GetClaim(ctx, c.claim())
		}
	}
	return contract.FreightClaimResult{}, err
}

// codeNotPickedUp is what the logistics service says of a parcel that the warehouse has before the carrier reported it.
const codeNotPickedUp = "parcel_not_picked_up"

// file is repeated for as long as the insurer is out of reach, or the carrier has not told of the parcel: nobody waits
// for it but the buyer's freight.
func (c *claiming) file(ctx workflow.Context) (api.InsuranceClaim, error) {
	for {
		claim, err := logistics.FileClaim(ctx, c.claim())
		if fault.Is(err, fault.Refused, fault.Missing, fault.Conflicting) && fault.Code(err) != codeNotPickedUp {
			reason := fault.Code(err)
			return api.InsuranceClaim{State: api.InsuranceClaimStateRejected, Reason: &reason}, nil
		}
		if err == nil || ctx.Err() != nil {
			return claim, err
		}
		c.wait(ctx, &c.refile, "File the claim again")
	}
}

// book writes the payout into the ledger. The insurer has paid, whatever the ledger says of it.
func (c *claiming) book(ctx workflow.Context, claim api.InsuranceClaim) error {
	if claim.Payout == nil || !claim.Payout.IsPositive() || !caseflow.BooksPayouts(ctx) {
		return nil
	}
	_, err := payment.Book(ctx, payment.Booking{
		MerchantID: c.in.MerchantID, BookingID: c.in.CaseID + ":freight",
		Input: paymentapi.LedgerBookingInput{
			Phase: paymentapi.LedgerBookingInputPhasePost, Kind: paymentapi.LedgerBookingInputKindFreightInsurancePayout,
			CaseID: c.in.CaseID, Cause: "return_freight", Bearer: paymentapi.Insurer, Amount: *claim.Payout,
		},
	})
	if fault.Is(err, fault.Refused, fault.Conflicting) {
		workflow.GetLogger(ctx).Error("The payout is not in the ledger", "code", fault.Code(err))
		return nil
	}
	return err
}

// drain takes in what the insurer said of a claim that has ended: nobody waits for it any more.
func (c *claiming) drain() {
	for c.events.ReceiveAsync(nil) {
	}
}

// wait ends when the insurer calls, or after the pause, which is twice as long the next time.
func (c *claiming) wait(ctx workflow.Context, pause *time.Duration, summary string) {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	timer := workflow.NewTimerWithOptions(ctx, *pause, workflow.TimerOptions{Summary: summary})
	*pause = min(2**pause, longest)
	workflow.NewSelector(ctx).
		AddFuture(timer, func(workflow.Future) {}).
		AddReceive(c.events, func(ch workflow.ReceiveChannel, _ bool) { ch.Receive(ctx, nil) }).
		Select(ctx)
}

func (c *claiming) claim() logistics.Claim {
	return logistics.Claim{MerchantID: c.in.MerchantID, CaseID: c.in.CaseID, OrderID: c.in.OrderID, ShipmentID: c.in.ShipmentID}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
