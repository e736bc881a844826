package notification

import "aftercare.dev/services/platform/callers"

// Callers is who of the house may do what here. An operation without a row is nobody's.
func Callers() callers.Table {
	return callers.Table{
		// A program of the release before calls it, with the token that all of them share.
		"publishEvent":  {},
		"publishEvents": {callers.Cases},

		"listInbox":      {callers.Gateway},
		"markRead":       {callers.Gateway},
		"listDeliveries": {callers.Gateway},
		"resendDelivery": {callers.Gateway},

		"eraseBuyer":     {callers.Worker},
		"applyRetention": {callers.Worker},

		"listWebhookEndpoints":  {callers.Gateway},
		"createWebhookEndpoint": {callers.Gateway},
		"updateWebhookEndpoint": {callers.Gateway},
		"deleteWebhookEndpoint": {callers.Gateway},
	}
}
