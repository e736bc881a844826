package contract

import "go.temporal.io/sdk/temporal"

// Search attributes of a case workflow: what operators filter by in the Temporal UI. They are never encrypted.
// SQL visibility has ten keyword slots in a namespace; six are used.
var (
	AttributeMerchant  = temporal.NewSearchAttributeKeyKeyword("MerchantId")
	AttributeOrder     = temporal.NewSearchAttributeKeyKeyword("OrderId")
	AttributeCase      = temporal.NewSearchAttributeKeyKeyword("CaseId")
	AttributeStage     = temporal.NewSearchAttributeKeyKeyword("CaseStage")
	AttributeAttention = temporal.NewSearchAttributeKeyKeyword("AttentionReason")
	AttributeRefund    = temporal.NewSearchAttributeKeyKeyword("RefundState")
	AttributeDeadline  = temporal.NewSearchAttributeKeyTime("CaseDeadline")
	AttributeNeeds     = temporal.NewSearchAttributeKeyBool("NeedsAttention")
	AttributeAmount    = temporal.NewSearchAttributeKeyInt64("RefundMinorUnits")
)

// Attributes are the search attributes that a namespace must have before the first workflow starts.
func Attributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{
		AttributeMerchant, AttributeOrder, AttributeCase, AttributeStage, AttributeAttention, AttributeRefund,
		AttributeDeadline, AttributeNeeds, AttributeAmount,
	}
}
