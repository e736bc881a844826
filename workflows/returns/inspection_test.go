package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	casesapi "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
)

func TestAVerdictThatDoesNotFitTheCaseIsRefused(t *testing.T) {
	line := func(change func(*contract.InspectedLine)) []contract.InspectedLine {
		l := contract.InspectedLine{LineID: "l1", Accepted: 2, Condition: "intact"}
		change(&l)
		return []contract.InspectedLine{l}
	}
	deduct := func(amount int64, currency string) *money.Money {
		return &money.Money{Amount: amount, Currency: currency}
	}
	tests := map[string]struct {
		lines []contract.InspectedLine
		field string
	}{
		"a line of another case": {line(func(l *contract.InspectedLine) { l.LineID = "l9" }), "lines[0].line_id"},
		"a line twice": {
			append(line(func(*contract.InspectedLine) {}), contract.InspectedLine{LineID: "l1", Accepted: 2}),
			"lines[1].line_id",
		},
		"a line is missing":              {[]contract.InspectedLine{}, "lines"},
		"too many units":                 {line(func(l *contract.InspectedLine) { l.Accepted = 3 }), "lines[0]"},
		"too few units":                  {line(func(l *contract.InspectedLine) { l.Accepted = 1 }), "lines[0]"},
		"a negative number of units":     {line(func(l *contract.InspectedLine) { l.Accepted, l.Rejected = 3, -1 }), "lines[0]"},
		"a rejection without a reason":   {line(func(l *contract.InspectedLine) { l.Accepted, l.Rejected = 1, 1 }), "lines[0].rejection"},
		"a deduction without a reason":   {line(func(l *contract.InspectedLine) { l.Deduction = deduct(100, "CNY") }), "lines[0].rejection"},
		"a deduction in other money":     {line(func(l *contract.InspectedLine) { l.Deduction = deduct(100, "USD") }), "lines[0].deduction.currency"},
		"a negative deduction":           {line(func(l *contract.InspectedLine) { l.Deduction = deduct(-1, "CNY") }), "lines[0].deduction.amount"},
		"a deduction where nothing came": {line(func(l *contract.InspectedLine) { l.Accepted, l.Rejected, l.Deduction = 0, 2, deduct(1, "CNY") }), "lines[0].deduction"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := delivered(t)
			wrong := w.at(31*time.Hour, contract.Inspect{Envelope: warehouse, Lines: test.lines})
			w.at(32*time.Hour, acceptAll()).expect("refunding")
			w.run()

			refusal := wrong.no(contract.RefusedInvalid)
			require.Equal(t, test.field, refusal.Field)
			require.False(t, wrong.accepted, "a refusal leaves nothing in the history")
			require.Contains(t, refusal.Allowed, contract.ActionInspect)
		})
	}
}

func TestAReceiptThatDoesNotFitTheCaseIsRefused(t *testing.T) {
	for field, line := range map[string]contract.LineQuantity{
		"lines[0].line_id": {LineID: "l9", Quantity: 1}, "lines[0].quantity": {LineID: "l1", Quantity: 3},
	} {
		t.Run(field, func(t *testing.T) {
			w := delivered(t)
			wrong := w.at(31*time.Hour, contract.Receive{Envelope: warehouse, Lines: []contract.LineQuantity{line}})
			w.run()

			require.Equal(t, field, wrong.no(contract.RefusedInvalid).Field)
		})
	}
}

func TestAllIsAcceptedIfTheWarehouseSaysNothing(t *testing.T) {
	w := delivered(t)
	w.verdict.Insured = true
	w.run()

	require.Equal(t, 78*time.Hour, w.when("goods.accepted_by_silence", 1))
	require.Equal(t, []string{"policy.inspection_silence"}, *w.entry("goods.accepted_by_silence").Rules)
	require.Equal(t, "refunded", w.outcome())
	require.Len(t, w.filed, 1)
}

func TestTheClockOfTheInspectionRunsFromTheDelivery(t *testing.T) {
	w := delivered(t)
	w.at(60*time.Hour, received()).expect("inspecting")
	w.run()

	require.Equal(t, 78*time.Hour, w.when("goods.accepted_by_silence", 1))
}

func TestWhatWasCountedIsShown(t *testing.T) {
	w := delivered(t)
	w.at(31*time.Hour, contract.Receive{Envelope: warehouse, Lines: []contract.LineQuantity{{LineID: "l1", Quantity: 1}}})
	w.at(32*time.Hour, contract.Inspect{Envelope: warehouse, Lines: []contract.InspectedLine{
		{LineID: "l1", Accepted: 1, Rejected: 1, Condition: "missing", Disposition: "scrap", Rejection: "missing"},
	}})
	w.run()

	line := (*w.state.Lines)[0]
	require.Equal(t, int64(1), *line.ReceivedQuantity)
	require.Equal(t, int64(1), *line.AcceptedQuantity)
	require.Equal(t, int64(1), *line.RejectedQuantity)
	require.Equal(t, cny(1000), *line.Refund)
	require.Equal(t, "scrap", *line.Disposition)
	require.Zero(t, w.count("goods.sent_back"), "what is missing cannot be sent back")
	require.Equal(t, "partly_refunded", w.outcome())
}

func TestWhatIsInspectedUnreceivedCountsAsReceived(t *testing.T) {
	w := delivered(t)
	w.home = true
	w.at(32*time.Hour, rejectOne())
	w.run()

	require.Equal(t, int64(2), *(*w.state.Lines)[0].ReceivedQuantity)
}

func TestAPartIsRefundedAndTheRestSentBack(t *testing.T) {
	w := delivered(t)
	w.at(31*time.Hour, rejectOne()).expect("contesting")
	w.at(32*time.Hour, contract.Agree{Envelope: noted(buyer, "note_ok")}).expect("refunding")
	w.at(40*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"}).expect("sending_back")
	w.carrier(60*time.Hour, "delivered")
	w.run()

	w.wantTimeline(`case.opened case.approved shipment.pickup_booked shipment.picked_up shipment.delivered
		goods.inspected goods.rejected goods.rejection_agreed refund.submitted refund.succeeded
		shipment.sent goods.sent_back goods.returned_to_buyer case.closed`)
	require.Equal(t, "partly_refunded", w.outcome())
	require.Equal(t, int64(1000), w.refund.Refunded.Amount)
	require.Equal(t, int64(1), w.returned[0].Quantity)
	require.Equal(t, "b1", w.entry("goods.rejection_agreed").Actor.ID)
}

func TestADeductionReducesTheRefund(t *testing.T) {
	w := delivered(t)
	deduction := cny(300)
	w.at(31*time.Hour, contract.Inspect{Envelope: warehouse, Lines: []contract.InspectedLine{
		{LineID: "l1", Accepted: 2, Condition: "used", Deduction: &deduction, Rejection: "used"},
	}}).expect("contesting")
	w.run()

	require.Equal(t, 79*time.Hour, w.when("goods.rejection_agreed", 1), "silence agrees after 48 hours")
	require.Equal(t, int64(1700), w.refund.Refunded.Amount)
	require.Equal(t, "partly_refunded", w.outcome())
}

func TestNothingIsPaidIfAllIsRejected(t *testing.T) {
	w := delivered(t)
	w.at(31*time.Hour, rejectAll()).expect("contesting")
	w.at(80*time.Hour, contract.SendBack{Envelope: warehouse, Carrier: "yto", TrackingNumber: "YT1"}).expect("sending_back")
	w.carrier(90*time.Hour, "delivered")
	w.run()

	require.Equal(t, "rejected", w.outcome())
	require.Nil(t, w.refund)
	require.Equal(t, 79*time.Hour, w.when("goods.rejection_agreed", 1))
}

func TestAContestIsDecidedByAPerson(t *testing.T) {
	tests := map[string]struct {
		decision string
		refunded int64
		outcome  string
		by       string
	}{
		"upheld":   {contract.ContestUphold, 1000, "partly_refunded", "a1"},
		"accepted": {contract.ContestAccept, 2000, "refunded", "a1"},
		"silence":  {"", 2000, "refunded", "clock"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := delivered(t)
			w.home = true
			w.at(31*time.Hour, rejectOne())
			w.at(40*time.Hour, contract.Contest{Envelope: noted(buyer, "note_no")}).expect("contesting")
			if test.decision != "" {
				w.at(50*time.Hour, contract.DecideContest{Envelope: agent, Decision: test.decision}).expect("refunding")
			}
			w.run()

			require.Equal(t, test.outcome, w.outcome())
			require.Equal(t, test.refunded, w.refund.Refunded.Amount)
			decided := w.entry("goods.contest_decided")
			require.Equal(t, test.by, decided.Actor.ID)
			if test.decision == "" {
				require.Equal(t, 88*time.Hour, w.when("goods.contest_decided", 1))
			}
			require.Equal(t, "note_no", *w.entry("goods.contested").NoteID)
		})
	}
}

func TestSeveralLinesAreSettledEachByItsVerdict(t *testing.T) {
	w := delivered(t)
	w.home = true
	w.in.Lines = []contract.LineQuantity{{LineID: "l1", Quantity: 2}, {LineID: "l2", Quantity: 1}, {LineID: "l3", Quantity: 3}}
	deduction := cny(500)
	w.at(31*time.Hour, contract.Inspect{Envelope: warehouse, Lines: []contract.InspectedLine{
		{LineID: "l1", Accepted: 2, Condition: "intact"},
		{LineID: "l2", Rejected: 1, Condition: "damaged", Rejection: "damaged_by_buyer"},
		{LineID: "l3", Accepted: 2, Rejected: 1, Condition: "used", Deduction: &deduction, Rejection: "used"},
	}})
	w.run()

	require.Equal(t, int64(2000+1500), w.refund.Refunded.Amount)
	require.Len(t, w.returned, 2, "nothing of the rejected line is booked as returned")
	lines := *w.state.Lines
	require.Equal(t, []casesapi.Stage{casesapi.StageClosed}, []casesapi.Stage{w.state.Stage})
	require.Equal(t, cny(2000), *lines[0].Refund)
	require.Equal(t, cny(1500), *lines[2].Refund)
}
