package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	logisticsapi "aftercare.dev/services/logistics/api"
	"aftercare.dev/workflows/contract"
)

func TestAReturnGoesFromFilingToTheMoneyPaid(t *testing.T) {
	w := newWorld(t)
	w.verdict.Insured = true
	w.at(time.Hour, contract.BookPickup{Envelope: buyer})
	w.carrier(2*time.Hour, logisticsapi.ShipmentStateAccepted)
	w.carrier(3*time.Hour, logisticsapi.ShipmentStatePickedUp)
	w.carrier(30*time.Hour, logisticsapi.ShipmentStateDelivered)
	w.at(31*time.Hour, received())
	inspected := w.at(32*time.Hour, acceptAll())
	opened := w.run()

	require.Equal(t, contract.Opened{CaseID: "case_1", Version: 2, Stage: "waiting_shipment", Decision: "approve"}, opened.opened)
	w.wantTimeline(`case.opened case.approved shipment.pickup_booked shipment.courier_assigned shipment.picked_up
		shipment.delivered goods.received insurance.claimed goods.inspected refund.submitted refund.succeeded insurance.paid
		case.closed`)
	require.Equal(t, "refunded", w.outcome())
	inspected.ok("refunding")
	require.Equal(t, int64(2000), w.refund.Refunded.Amount)
	require.Equal(t, 1, w.calls["Submit"])
	require.Len(t, w.filed, 1)
	require.Equal(t, "l1", w.returned[0].LineID)
	require.Equal(t, "succeeded", w.attributes["RefundState"])
	require.Equal(t, int64(2000), w.attributes["RefundMinorUnits"])
}
