package contract

import "strings"

// What happens to people's data without a case.
const (
	// EraseBuyerWorkflow forgets a buyer in all services.
	EraseBuyerWorkflow = "EraseBuyer"
	// RetentionWorkflow drops what is older than it may be. Its id and that of its schedule is [RetentionID].
	RetentionWorkflow = "Retention"
	// RetentionID is the id of the schedule, and of the workflow with a time behind it.
	RetentionID = "aftercare-retention"
)

// BuyerRef names a buyer of a merchant, by ids alone.
type BuyerRef struct {
	MerchantID string `json:"merchant_id"`
	BuyerID    string `json:"buyer_id"`
}

// ErasureWorkflowID is the id of the workflow that forgets a buyer: one at a time.
func ErasureWorkflowID(merchantID, buyerID string) string {
	return strings.Join([]string{"erase", merchantID, buyerID}, "/")
}
