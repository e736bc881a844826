package order

import "aftercare.dev/services/platform/callers"

// Callers is who of the house may do what here. An operation without a row is nobody's.
func Callers() callers.Table {
	return callers.Table{
		"listOrders":      {callers.Gateway},
		"putOrder":        {callers.Gateway},
		"getOrder":        {callers.Gateway, callers.Logistics, callers.Payment, callers.Cases},
		"getOrderContact": {callers.Logistics, callers.Notification},

		"getMaskedContact":   {callers.Gateway},
		"revealOrderContact": {callers.Gateway},
		"listReveals":        {callers.Gateway},
		"searchContacts":     {callers.Gateway},
		"exportBuyer":        {callers.Gateway},
		"eraseBuyer":         {callers.Worker},
		"applyRetention":     {callers.Worker},

		"findPayment": {callers.Payment},

		"reserveUnits":      {callers.Worker},
		"getReservation":    {callers.Cases},
		"settleReservation": {callers.Worker},
	}
}
