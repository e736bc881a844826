package logistics

import "aftercare.dev/services/platform/callers"

// Callers is who of the house may do what here. An operation without a row is nobody's.
func Callers() callers.Table {
	return callers.Table{
		"createShipment":   {callers.Worker},
		"getShipment":      {callers.Worker},
		"reschedulePickup": {callers.Worker},
		"cancelShipment":   {callers.Worker},
		"getTracking":      {callers.Gateway},
		"createContact":    {callers.Gateway},
		"getReturnAddress": {callers.Gateway},
		"putReturnAddress": {callers.Gateway},

		"exportOrders":   {callers.Gateway},
		"eraseOrders":    {callers.Worker},
		"applyRetention": {callers.Worker},

		"insureOrder":        {callers.Order},
		"getInsurancePolicy": {},
		"fileInsuranceClaim": {callers.Worker},
		"getInsuranceClaim":  {callers.Worker},

		"receiveCarrierCallback": {callers.Gateway},
		"receiveInsurerCallback": {callers.Gateway},
	}
}
