package contract

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
)

// ReopenedInput starts the workflow that goes on with a closed case.
type ReopenedInput struct {
	Case
}

// ReopenedSummary is what operators see of a [ReopenedWorkflow] in a list.
func ReopenedSummary(c Case) string {
	return fmt.Sprintf("Money of closed case %s · %s", c.CaseID, c.MerchantID)
}

// ReopenedDetails are for the operator who opens a [ReopenedWorkflow] when nothing else answers.
func ReopenedDetails(c Case) string {
	return fmt.Sprintf("Something may be wrong with money of the closed case `%s` (order `%s`, merchant `%s`). If all is well this ends by itself and "+
		"the case stays closed. Else the case opens again, the buyer is told, and finance decides; then it closes.\n\n"+
		"**Where it stands:** Current Details, `GET /v1/cases/%s` and `…/timeline`. **What the provider said:** `GET /v1/refunds?case_id=%s`, "+
		"`GET /v1/differences`.\n\n"+
		"The workflow before it, under the same id, is the case until it was closed. Do not terminate it: docs/runbook.md.",
		c.CaseID, c.OrderID, c.MerchantID, c.CaseID, c.CaseID)
}

// ReopenedAttributes are the search attributes that a [ReopenedWorkflow] starts with.
func ReopenedAttributes(c Case) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		AttributeMerchant.ValueSet(c.MerchantID), AttributeOrder.ValueSet(c.OrderID), AttributeCase.ValueSet(c.CaseID),
		AttributeNeeds.ValueSet(false),
	)
}
