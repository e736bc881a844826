package access

import "aftercare.dev/workflows/contract"

// byReach orders the roles by how far they see. A principal with several acts in the first that permits the operation,
// so that somebody who works here and also buys here is not confined to what they bought.
var byReach = []contract.Role{
	contract.Administrator, contract.Operator, contract.Finance, contract.Agent, contract.Warehouse, contract.Storefront,
	contract.Buyer,
}

// Groups of roles that share rows of the table. An administrator may do everything.
var (
	everybody = []contract.Role{
		contract.Storefront, contract.Buyer, contract.Agent, contract.Warehouse, contract.Finance, contract.Operator, contract.Administrator,
	}
	customers = []contract.Role{contract.Storefront, contract.Buyer, contract.Administrator}
	reviewers = []contract.Role{contract.Agent, contract.Administrator}
	handlers  = []contract.Role{contract.Warehouse, contract.Administrator}
	payers    = []contract.Role{contract.Finance, contract.Administrator}
	operators = []contract.Role{contract.Operator, contract.Administrator}
	shop      = []contract.Role{contract.Storefront, contract.Administrator}
	senders   = []contract.Role{contract.Storefront, contract.Operator, contract.Administrator}
	admins    = []contract.Role{contract.Administrator}
	// Those who work for the merchant share one inbox.
	inboxes = []contract.Role{contract.Buyer, contract.Agent, contract.Warehouse, contract.Finance, contract.Operator, contract.Administrator}

	// Those who may have to reach a buyer, or to send money by hand.
	contacts = []contract.Role{contract.Agent, contract.Finance, contract.Administrator}

	writers = []contract.Role{contract.Storefront, contract.Buyer, contract.Agent, contract.Warehouse, contract.Administrator}
	books   = []contract.Role{contract.Storefront, contract.Agent, contract.Finance, contract.Operator, contract.Administrator}
)

// table is the table of role × operation. What it does not have, nobody may do. What a buyer's token may do, it may do
// with what is that buyer's.
var table = map[string][]contract.Role{
	"listOrders": everybody,
	"getOrder":   everybody,
	"putOrder":   shop,
	"putOrders":  shop,

	"previewCase":    everybody,
	"uploadEvidence": writers,
	"getEvidence":    everybody,
	"openCase":       customers,
	"listCases":      everybody,
	"getCase":        everybody,
	"getTimeline":    everybody,
	"getTracking":    everybody,
	"streamEvents":   everybody,
	"listRefunds":    books,

	"approveCase":   reviewers,
	"rejectCase":    reviewers,
	"requestInfo":   reviewers,
	"decideContest": reviewers,
	"decideParcel":  reviewers,

	"provideInfo":       customers,
	"answerRejection":   customers,
	"withdrawCase":      customers,
	"bookPickup":        customers,
	"reschedulePickup":  customers,
	"cancelPickup":      customers,
	"shipParcel":        customers,
	"agreeToInspection": customers,
	"contestInspection": customers,

	"receiveParcel": handlers,
	"inspectGoods":  handlers,
	"sendBack":      handlers,

	"resolveRefund": payers,

	"getLedgerBalances":  payers,
	"listLedgerEntries":  payers,
	"getLedgerStatement": payers,

	"listDifferences":   payers,
	"resolveDifference": payers,

	"retryCase":   operators,
	"skipStep":    operators,
	"resolveCase": operators,

	"actOnCases":     operators,
	"countAttention": operators,
	"listFindings":   operators,

	"addNote": writers,

	"getOrderContact":    contacts,
	"revealOrderContact": reviewers,
	"searchContacts":     reviewers,
	"listReveals":        admins,
	"exportBuyer":        shop,
	"eraseBuyer":         shop,
	"getErasure":         shop,

	"getPolicy":        everybody,
	"putPolicy":        admins,
	"getReturnAddress": everybody,
	"putReturnAddress": admins,

	"listInbox": inboxes,
	"markRead":  inboxes,

	"listDeliveries": senders,
	"resendDelivery": senders,

	"listWebhookEndpoints":  shop,
	"createWebhookEndpoint": shop,
	"updateWebhookEndpoint": shop,
	"deleteWebhookEndpoint": shop,
}
