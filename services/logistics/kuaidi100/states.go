package kuaidi100

import (
	"time"

	"aftercare.dev/services/logistics/domain"
)

// orderState says what an order status (商家寄件下单回调接口状态说明) means. The statuses have no
// time of their own; received dates those that can come and go. A status that says nothing about the
// parcel, such as 200 (label printed), gives the zero observation.
func orderState(status int, received time.Time) domain.Observation {
	switch status {
	case 0:
		return domain.Observation{State: domain.Booked}
	case 1, 2:
		return domain.Observation{State: domain.Accepted}
	case 610:
		return domain.Observation{State: domain.PickupFailed, Reason: "booking_failed"}
	case 11:
		return domain.Observation{State: domain.PickupFailed, Reason: "courier_failed"}
	case 9:
		return domain.Observation{State: domain.Cancelled, Reason: "cancelled_by_us"}
	case 99:
		return domain.Observation{State: domain.Cancelled, Reason: "cancelled_by_carrier"}
	case 10, 15, 155: // it was weighed, so somebody has it
		return domain.Observation{State: domain.PickedUp}
	case 101:
		return domain.Observation{State: domain.InTransit}
	case 400:
		return domain.Observation{State: domain.OutForDelivery}
	case 12:
		return domain.Observation{State: domain.Returned}
	case 13:
		return domain.Observation{State: domain.Delivered}
	case 14:
		return domain.Observation{State: domain.Exception, At: received, Reason: "abnormal_signature"}
	}
	return domain.Observation{}
}

// freightOf says how the freight that comes with a status is meant.
func freightOf(status int) domain.FreightKind {
	switch status {
	case 15:
		return domain.FreightAdds
	case 155:
		return domain.FreightReplaces
	}
	return domain.NoFreight
}

// trackState says what the state of a parcel's way means (快递单当前状态).
func trackState(state int, at time.Time) domain.Observation {
	switch state {
	case 0, 7, 8, 10, 11, 12:
		return domain.Observation{State: domain.InTransit, At: at}
	case 1:
		return domain.Observation{State: domain.PickedUp, At: at}
	case 2:
		return domain.Observation{State: domain.Exception, At: at, Reason: "carrier_problem"}
	case 13:
		return domain.Observation{State: domain.Exception, At: at, Reason: "customs_failed"}
	case 3:
		return domain.Observation{State: domain.Delivered, At: at}
	case 4:
		return domain.Observation{State: domain.Returned, At: at}
	case 5:
		return domain.Observation{State: domain.OutForDelivery, At: at}
	case 6:
		return domain.Observation{State: domain.Returning, At: at}
	case 14:
		return domain.Observation{State: domain.Refused, At: at, Reason: "refused_by_recipient"}
	}
	return domain.Observation{}
}
