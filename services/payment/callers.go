package payment

import "aftercare.dev/services/platform/callers"

// Callers is who of the house may do what here. An operation without a row is nobody's.
func Callers() callers.Table {
	return callers.Table{
		"reserveRefund": {callers.Worker},
		"getRefund":     {callers.Worker},
		"submitRefund":  {callers.Worker},
		"resolveRefund": {callers.Worker},
		"listRefunds":   {callers.Gateway, callers.Worker},

		"getLedgerBalances":  {callers.Gateway},
		"listLedgerEntries":  {callers.Gateway},
		"getLedgerStatement": {callers.Gateway},
		"putLedgerBooking":   {callers.Worker},

		"reconcileDay":       {callers.Worker},
		"listAllDifferences": {callers.Worker},
		"markDifferenceTold": {callers.Worker},
		"listDifferences":    {callers.Gateway, callers.Worker},
		"getDifference":      {callers.Gateway},
		"resolveDifference":  {callers.Gateway, callers.Worker},

		"receivePaymentCallback": {callers.Gateway},
	}
}
