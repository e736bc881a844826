// Package contract is all that others may know of the workflows: their names, ids, inputs, updates, signals and search
// attributes. The gateway starts and addresses workflows with it; nothing in it needs a worker.
//
// Whatever is declared here ends up in workflow histories. No name, phone number, address or free text may be added:
// people's words are notes in the cases service, and a workflow carries their ids.
package contract

import "strings"

// Task queues. Money has its own, so that its workers can be deployed, limited and stopped apart.
const (
	CasesQueue = "aftercare-cases"
	MoneyQueue = "aftercare-money"
)

// Workflow types. They are on the wire and in histories: never rename one.
const (
	ReturnWorkflow       = "Return"
	RefundWorkflow       = "Refund"
	FreightClaimWorkflow = "FreightClaim"
	// ReopenedWorkflow goes on with a closed case whose money is not right any more, under the id of the case.
	ReopenedWorkflow = "Reopened"
)

// CaseWorkflows are the types of which each workflow is a case; ChildWorkflows are started by them.
var (
	CaseWorkflows  = []string{ReturnWorkflow, ReopenedWorkflow}
	ChildWorkflows = []string{RefundWorkflow, FreightClaimWorkflow}
)

// CasePrefix is what the ids of case workflows begin with.
const CasePrefix = "case"

// Signals. Each says that something changed and where to look; what is true is asked of the service that knows.
const (
	// CarrierEvent goes to the case workflow when a parcel of the case changed its state.
	CarrierEvent = "carrier_event"
	// PaymentEvent goes to the refund workflow when the provider reported on a refund.
	PaymentEvent = "payment_event"
	// InsurerEvent goes to the freight claim workflow when the insurer reported on a claim.
	InsurerEvent = "insurer_event"
	// MoneyEvent goes to the case workflow when something may be wrong with money that was paid, and begins one of type
	// [ReopenedWorkflow] if the case is closed.
	MoneyEvent = "money_event"
)

// Event is the content of every signal.
type Event struct {
	// EventID makes a repeated delivery recognisable.
	EventID string `json:"event_id"`
	// Subject is the id of the shipment, refund, claim or difference.
	Subject string `json:"subject"`
}

// StatusQuery is for operators: the case as the workflow sees it. Reads for people and storefronts come from the cases
// service, which answers when no worker does.
const StatusQuery = "status"

// Role is what an actor may be.
type Role string

// The roles, as in the tokens and the cases service.
const (
	Storefront    Role = "storefront"
	Buyer         Role = "buyer"
	Agent         Role = "agent"
	Warehouse     Role = "warehouse"
	Finance       Role = "finance"
	Operator      Role = "operator"
	Administrator Role = "administrator"
	System        Role = "system"
)

// Actor is who did something: a role and an opaque id.
type Actor struct {
	Role Role   `json:"role"`
	ID   string `json:"id"`
}

// Case names a case and what it is about.
type Case struct {
	MerchantID string `json:"merchant_id"`
	CaseID     string `json:"case_id"`
	OrderID    string `json:"order_id"`
	BuyerID    string `json:"buyer_id"`
}

// LineQuantity is a number of units of an order line.
type LineQuantity struct {
	LineID   string `json:"line_id"`
	Quantity int64  `json:"quantity"`
}

// WorkflowID is the id of the workflow of a case, whatever its type.
func (c Case) WorkflowID() string { return CaseWorkflowID(c.MerchantID, c.CaseID) }

// CaseWorkflowID is the id of the workflow of a case. With ids of 64 characters at most it stays under 200.
func CaseWorkflowID(merchantID, caseID string) string {
	return strings.Join([]string{CasePrefix, merchantID, caseID}, "/")
}

// CaseOf is the merchant and case of the id of a case workflow; false if it is the id of something else.
func CaseOf(workflowID string) (merchantID, caseID string, ok bool) {
	parts := strings.Split(workflowID, "/")
	if len(parts) != 3 || parts[0] != CasePrefix {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// RefundWorkflowID is the id of the workflow that moves one refund.
func RefundWorkflowID(merchantID, refundID string) string {
	return strings.Join([]string{"refund", merchantID, refundID}, "/")
}

// FreightClaimWorkflowID is the id of the workflow that claims the return freight of a case.
func FreightClaimWorkflowID(merchantID, caseID string) string {
	return strings.Join([]string{"freight-claim", merchantID, caseID}, "/")
}
