package domain

import (
	"net/http"

	"aftercare.dev/services/platform/problem"
)

// Codes of the problems that this service gives, beside those of the platform.
const (
	// CodeInvalidPolicy is a policy that cannot be in force; the problem names the field.
	CodeInvalidPolicy = "invalid_policy"
	// CodePolicyNotFound is a version that the merchant never published.
	CodePolicyNotFound = "policy_not_found"
	// CodeInvalidApplication is an application that no order can answer; the problem names the field.
	CodeInvalidApplication = "invalid_application"
	// CodeUnknownLine is a line id that the order, or the reservation, does not have.
	CodeUnknownLine = "unknown_line"
	// CodeOrderNotFound is an order that the merchant, or the buyer asked for, does not have.
	CodeOrderNotFound = "order_not_found"
	// CodeUnitsNotAvailable is a request for more units than no case holds.
	CodeUnitsNotAvailable = "units_not_available"
	// CodeInvalidSettlement is an inspection that does not fit the reservation; the problem names the field.
	CodeInvalidSettlement = "invalid_settlement"
	// CodeCaseNotFound is a case that the merchant, or the buyer asked for, does not have.
	CodeCaseNotFound = "case_not_found"
	// CodeCaseNotJudged is a case whose policy is not pinned yet.
	CodeCaseNotJudged = "case_not_judged"
	// CodeIdempotencyKeyReused is a key that was used for other content.
	CodeIdempotencyKeyReused = "idempotency_key_reused"
	// CodeInvalidStep is a step that no case can take; the problem names the field.
	CodeInvalidStep = "invalid_step"
	// CodeStepOutOfOrder is a step that would leave a gap in the timeline.
	CodeStepOutOfOrder = "step_out_of_order"
	// CodeStepDiffers is a step whose numbers are taken by another one.
	CodeStepDiffers = "step_differs"
	// CodeStepStale is a step of a caller that another one has overtaken.
	CodeStepStale = "step_stale"
	// CodeCaseClosed is a step that would open a closed case without saying so.
	CodeCaseClosed = "case_closed"
	// CodeEvidenceNotAvailable is evidence of somebody else, or of another case.
	CodeEvidenceNotAvailable = "evidence_not_available"
	// CodeEvidenceNotFound is evidence that the merchant, or the buyer asked for, does not have.
	CodeEvidenceNotFound = "evidence_not_found"
	// CodeEvidenceUnreadable is an upload that is no photo of a kind that is taken.
	CodeEvidenceUnreadable = "evidence_unreadable"
	// CodeEvidenceTooManyPixels is a photo beyond the limit of pixels.
	CodeEvidenceTooManyPixels = "evidence_too_many_pixels"
	// CodeBuyerHasOpenCases is an erasure while a case of the buyer is open.
	CodeBuyerHasOpenCases = "buyer_has_open_cases"
	// CodeBuyerBeingErased is a filing for a buyer who is being forgotten.
	CodeBuyerBeingErased = "buyer_being_erased"
	// CodeErasureNotFound is a buyer whom nobody asked to forget.
	CodeErasureNotFound = "erasure_not_found"
)

// statuses has the codes that are not 422.
var statuses = problem.Statuses{
	CodePolicyNotFound:    http.StatusNotFound,
	CodeOrderNotFound:     http.StatusNotFound,
	CodeCaseNotFound:      http.StatusNotFound,
	CodeEvidenceNotFound:  http.StatusNotFound,
	CodeUnitsNotAvailable: http.StatusConflict,
	CodeCaseNotJudged:     http.StatusConflict,
	CodeStepOutOfOrder:    http.StatusConflict,
	CodeStepDiffers:       http.StatusConflict,
	CodeStepStale:         http.StatusConflict,
	CodeCaseClosed:        http.StatusConflict,
	CodeBuyerHasOpenCases: http.StatusConflict,
	CodeBuyerBeingErased:  http.StatusConflict,
	CodeErasureNotFound:   http.StatusNotFound,
}

// Fault returns the problem of the code with its status. An empty field means that no field of the
// request is to blame.
func Fault(code, field, detail string) *problem.Error {
	return statuses.Fault(code, field, detail)
}
