package returns_test

import (
	"context"
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"

	"aftercare.dev/activities/cases"
	"aftercare.dev/activities/fault"
	"aftercare.dev/activities/logistics"
	"aftercare.dev/activities/order"
	"aftercare.dev/activities/payment"
	casesapi "aftercare.dev/services/cases/api"
	logisticsapi "aftercare.dev/services/logistics/api"
	orderapi "aftercare.dev/services/order/api"
	paymentapi "aftercare.dev/services/payment/api"
)

// Ways in which a call fails.

func unavailable() error {
	return temporal.NewApplicationError("carrier_unavailable", fault.Unavailable)
}

func refused(code string, fields ...string) error {
	return temporal.NewNonRetryableApplicationError(code, fault.Refused, nil, fault.Reason{Code: code, Status: 422, Fields: fields})
}

func conflicting(code string) error {
	return temporal.NewNonRetryableApplicationError(code, fault.Conflicting, nil, fault.Reason{Code: code, Status: 409})
}

// patience is how many calls fail before the workflow hears of it: the environment tries so often, a server for as long
// as the activity's options say.
const patience = 10

// always fails every call.
func always(err error) func(int) error { return func(int) error { return err } }

// first fails the first n calls.
func first(n int, err error) func(int) error {
	return func(call int) error {
		if call <= n {
			return err
		}
		return nil
	}
}

// called counts a call and tells whether it fails. The caller holds the lock.
func (w *world) called(name string) error {
	w.calls[name]++
	if fails := w.fails[name]; fails != nil {
		return fails(w.calls[name])
	}
	return nil
}

// wrong notes something that must never happen; activities run beside the test, which looks at the end.
func (w *world) wrong(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

func (w *world) judge(_ context.Context, in cases.Filed) (cases.Verdict, error) {
	if in.Verdict != nil {
		return *in.Verdict, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.verdict, w.called("Judge")
}

func (w *world) storeNote(_ context.Context, in cases.Note) (casesapi.NoteRef, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("StoreNote"); err != nil {
		return casesapi.NoteRef{}, err
	}
	w.notes = append(w.notes, in.Input)
	return casesapi.NoteRef{NoteID: fmt.Sprintf("note_typed_%d", len(w.notes))}, nil
}

func (w *world) record(_ context.Context, in cases.Step) (casesapi.StepResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Record"); err != nil {
		return casesapi.StepResult{}, err
	}
	for i, e := range in.Step.Entries {
		if e.Number != int64(len(w.entries)+i+1) {
			w.wrong("entry %s has number %d after %d entries", e.Type, e.Number, len(w.entries))
			return casesapi.StepResult{}, conflicting("step_out_of_order")
		}
	}
	s := in.Step.State
	switch {
	case s.Status == casesapi.StatusClosed && (len(s.NextActions) > 0 || s.Attention != nil || s.Outcome == nil):
		w.wrong("a closed case expects something, or has no outcome")
	case s.Status != casesapi.StatusClosed && len(s.NextActions) == 0:
		w.wrong("nothing can happen to the case in stage %s after %s (P3)", s.Stage, in.Step.Entries[0].Type)
	case w.state.Status == casesapi.StatusClosed && in.Step.Entries[0].Type != "case.note_added":
		w.wrong("%s after the end", in.Step.Entries[0].Type)
	}
	w.entries = append(w.entries, in.Step.Entries...)
	w.state = s
	w.steps = append(w.steps, s)
	w.told = append(w.told, in.Step.Entries)
	return casesapi.StepResult{Version: int64(len(w.entries))}, nil
}

func (w *world) amounts(_ context.Context, in cases.Inspection) (casesapi.Settlement, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Amounts"); err != nil {
		return casesapi.Settlement{}, err
	}
	out := casesapi.Settlement{Freight: cny(0), Lines: []casesapi.SettledLine{}}
	var total int64
	for _, l := range in.Input.Lines {
		amount := l.AcceptedQuantity * w.unit(l.LineID)
		if l.Deduction != nil {
			amount -= l.Deduction.Amount
		}
		out.Lines = append(out.Lines, casesapi.SettledLine{LineID: l.LineID, Quantity: l.AcceptedQuantity, Amount: cny(amount)})
		total += amount
	}
	out.Total = cny(total)
	return out, nil
}

func (w *world) hold(_ context.Context, in order.Units) (orderapi.Reservation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Hold"); err != nil {
		return orderapi.Reservation{}, err
	}
	w.reserved = true
	return orderapi.Reservation{CaseID: in.CaseID, OrderID: in.OrderID, State: "open", Lines: []orderapi.ReservedLine{}}, nil
}

func (w *world) settle(_ context.Context, in order.Units) (orderapi.Reservation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Settle"); err != nil {
		return orderapi.Reservation{}, err
	}
	if w.settled && !slices.Equal(w.returned, in.Lines) {
		// As the order service does: what is settled stays as it is.
		return orderapi.Reservation{}, conflicting("reservation_settled")
	}
	w.settled, w.returned = true, in.Lines
	return orderapi.Reservation{
		CaseID: in.CaseID, OrderID: in.OrderID, State: "settled", Lines: []orderapi.ReservedLine{}, CompletesOrder: &w.completes,
	}, nil
}

func (w *world) createShipment(_ context.Context, in logistics.Shipment) (logisticsapi.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("CreateShipment"); err != nil {
		return logisticsapi.Shipment{}, err
	}
	w.requests[in.ShipmentID] = in.Input
	if w.booking != nil {
		w.mu.Unlock()
		out, err := w.booking(in)
		w.mu.Lock()
		if err != nil {
			return out, err
		}
		if out.ShipmentID != "" {
			w.shipments[in.ShipmentID], w.newest = &out, in.ShipmentID
			return out, nil
		}
	}
	if buried, ok := w.shipments[in.ShipmentID]; ok {
		// It was called off before it was asked for.
		return *buried, nil
	}
	shipment := newShipment(in)
	w.shipments[in.ShipmentID], w.newest = &shipment, in.ShipmentID
	return shipment, nil
}

func newShipment(in logistics.Shipment) logisticsapi.Shipment {
	shipment := logisticsapi.Shipment{
		ShipmentID: in.ShipmentID, CaseID: in.Input.CaseID, OrderID: in.Input.OrderID,
		Direction: in.Input.Direction, Method: in.Input.Method, State: logisticsapi.ShipmentStateBooked,
	}
	if parcel := in.Input.Parcel; parcel != nil {
		shipment.Carrier, shipment.TrackingNumber = &parcel.Carrier, &parcel.TrackingNumber
	}
	return shipment
}

func (w *world) getShipment(_ context.Context, in logistics.ShipmentRef) (logisticsapi.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("GetShipment"); err != nil {
		return logisticsapi.Shipment{}, err
	}
	shipment := w.shipments[in.ShipmentID]
	if w.home && in.Refresh && shipment.Direction == logisticsapi.ToBuyer {
		shipment.State = logisticsapi.ShipmentStateDelivered
	}
	return *shipment, nil
}

func (w *world) reschedule(_ context.Context, in logistics.NewSlot) (logisticsapi.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Reschedule"); err != nil {
		return logisticsapi.Shipment{}, err
	}
	shipment := w.shipments[in.ShipmentID]
	shipment.Slot = &in.Slot
	return *shipment, nil
}

func (w *world) cancelShipment(_ context.Context, in logistics.ShipmentRef) (logisticsapi.Shipment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("CancelShipment"); err != nil {
		return logisticsapi.Shipment{}, err
	}
	w.cancelled = append(w.cancelled, in.ShipmentID)
	shipment, ok := w.shipments[in.ShipmentID]
	if !ok {
		shipment = &logisticsapi.Shipment{
			ShipmentID: in.ShipmentID, Direction: logisticsapi.ToWarehouse, Method: logisticsapi.ShipmentMethodPickup,
			State: logisticsapi.ShipmentStateCancelled,
		}
		w.shipments[in.ShipmentID] = shipment
	}
	switch shipment.State {
	case logisticsapi.ShipmentStateRequested, logisticsapi.ShipmentStateBooked, logisticsapi.ShipmentStateAccepted:
		shipment.State = logisticsapi.ShipmentStateCancelled
	default:
	}
	return *shipment, nil
}

func (w *world) fileClaim(_ context.Context, in logistics.Claim) (logisticsapi.InsuranceClaim, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("FileClaim"); err != nil {
		return logisticsapi.InsuranceClaim{}, err
	}
	w.filed = append(w.filed, in)
	w.claim = &logisticsapi.InsuranceClaim{CaseID: in.CaseID, OrderID: in.OrderID, State: logisticsapi.InsuranceClaimStateFiled}
	return *w.claim, nil
}

func (w *world) getClaim(context.Context, logistics.Claim) (logisticsapi.InsuranceClaim, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("GetClaim"); err != nil {
		return logisticsapi.InsuranceClaim{}, err
	}
	payout := cny(1000)
	w.claim.State, w.claim.Payout = w.claimState, &payout
	return *w.claim, nil
}

func (w *world) reserveRefund(_ context.Context, in payment.Refund) (paymentapi.Refund, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("ReserveRefund"); err != nil {
		return paymentapi.Refund{}, err
	}
	if w.refund != nil {
		return *w.refund, nil
	}
	var total int64
	for _, l := range in.Input.Lines {
		total += l.Amount.Amount
	}
	w.refund = &paymentapi.Refund{
		RefundID: in.RefundID, CaseID: in.Input.CaseID, OrderID: in.Input.OrderID, State: paymentapi.RefundStateReserved,
		Amount: cny(total), Refunded: cny(0), Parts: []paymentapi.RefundPart{},
	}
	return *w.refund, nil
}

func (w *world) submitRefund(context.Context, payment.RefundRef) (paymentapi.Refund, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Submit"); err != nil {
		return paymentapi.Refund{}, err
	}
	if w.refund.State == paymentapi.RefundStateReserved {
		w.refund.State = paymentapi.RefundStateProcessing
	}
	return *w.refund, nil
}

func (w *world) queryRefund(context.Context, payment.RefundRef) (paymentapi.Refund, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Query"); err != nil {
		return paymentapi.Refund{}, err
	}
	if w.refund.State == paymentapi.RefundStateProcessing {
		w.becomes(w.pays)
	}
	if w.reason != "" {
		w.refund.Reason = &w.reason
	}
	return *w.refund, nil
}

// book is the ledger: what is posted is posted.
func (w *world) book(context.Context, payment.Booking) (paymentapi.LedgerBookingState, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return paymentapi.LedgerBookingStatePosted, w.called("Book")
}

// becomes changes where the refund stands and counts each time that money moves. The caller holds the lock.
func (w *world) becomes(state paymentapi.RefundState) {
	w.refund.State = state
	switch state {
	case paymentapi.RefundStateSucceeded, paymentapi.RefundStatePaidManually:
		w.refund.Refunded = w.refund.Amount
		w.payouts++
	case paymentapi.RefundStateVoided:
		w.refund.Refunded = cny(min(w.paidBefore, w.refund.Amount.Amount-1))
	default:
	}
}

func (w *world) resolveRefund(_ context.Context, in payment.Resolution) (paymentapi.Refund, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Resolve"); err != nil {
		return paymentapi.Refund{}, err
	}
	w.resolved = append(w.resolved, in.Input)
	switch in.Input.Resolution {
	case paymentapi.ResolveRefundInputResolutionManualTransfer:
		w.becomes(paymentapi.RefundStatePaidManually)
	case paymentapi.ResolveRefundInputResolutionVoid:
		w.becomes(paymentapi.RefundStateVoided)
	default:
		w.becomes(paymentapi.RefundStateReserved)
		w.pays = paymentapi.RefundStateSucceeded
	}
	return *w.refund, nil
}

// deliveredAlready is a carrier that has delivered the parcel when it is told to look for it.
func deliveredAlready(in logistics.Shipment) (logisticsapi.Shipment, error) {
	shipment := newShipment(in)
	shipment.State = logisticsapi.ShipmentStateDelivered
	return shipment, nil
}
