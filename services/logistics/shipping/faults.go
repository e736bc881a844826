package shipping

import (
	"slices"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/problem"
)

func isNotFound(err error) bool { return problem.HasCode(err, domain.CodeShipmentNotFound) }

func differs() error {
	return problem.Conflict(domain.CodeShipmentDiffers,
		"the shipment id was used for another request; use a new id for another shipment")
}

func trackingOfDelivery() error {
	return problem.Conflict(domain.CodeTrackingOfDelivery,
		"this is the number under which the goods were sent to the buyer; ask for the number of the return parcel").
		WithFields(problem.FieldError{Field: "parcel.tracking_number", Detail: "is the number of the delivery to the buyer"})
}

func slotProblem(field string, err error) error {
	return problem.Unprocessable(domain.CodeSlotNotBookable, field+" "+err.Error()).
		WithFields(problem.FieldError{Field: field, Detail: err.Error()})
}

func slotRefused() error {
	return problem.Conflict(domain.CodeSlotRefused, "the carrier does not come at this time; choose another slot")
}

func tooLate() error {
	return problem.Conflict(domain.CodeTooLate,
		"the courier's time can be changed only until the parcel is picked up or called off")
}

func busy() error {
	return problem.Unavailable(domain.CodeShipmentBusy,
		"another call to the carrier is under way for this shipment; repeat the request")
}

func newestFirst(scans []domain.Scan) {
	slices.SortStableFunc(scans, func(a, b domain.Scan) int { return b.At.Compare(a.At) })
}
