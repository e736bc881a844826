package http

import "net/http"

// An action answers the same way whatever it is; the generated interfaces want a method of its own for each.

// VisitApproveCaseResponse implements api.ApproveCaseResponseObject.
func (a acted) VisitApproveCaseResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRejectCaseResponse implements api.RejectCaseResponseObject.
func (a acted) VisitRejectCaseResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRequestInfoResponse implements api.RequestInfoResponseObject.
func (a acted) VisitRequestInfoResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitProvideInfoResponse implements api.ProvideInfoResponseObject.
func (a acted) VisitProvideInfoResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAnswerRejectionResponse implements api.AnswerRejectionResponseObject.
func (a acted) VisitAnswerRejectionResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitWithdrawCaseResponse implements api.WithdrawCaseResponseObject.
func (a acted) VisitWithdrawCaseResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitBookPickupResponse implements api.BookPickupResponseObject.
func (a acted) VisitBookPickupResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReschedulePickupResponse implements api.ReschedulePickupResponseObject.
func (a acted) VisitReschedulePickupResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCancelPickupResponse implements api.CancelPickupResponseObject.
func (a acted) VisitCancelPickupResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitShipParcelResponse implements api.ShipParcelResponseObject.
func (a acted) VisitShipParcelResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReceiveParcelResponse implements api.ReceiveParcelResponseObject.
func (a acted) VisitReceiveParcelResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitInspectGoodsResponse implements api.InspectGoodsResponseObject.
func (a acted) VisitInspectGoodsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAgreeToInspectionResponse implements api.AgreeToInspectionResponseObject.
func (a acted) VisitAgreeToInspectionResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitContestInspectionResponse implements api.ContestInspectionResponseObject.
func (a acted) VisitContestInspectionResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitDecideContestResponse implements api.DecideContestResponseObject.
func (a acted) VisitDecideContestResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitDecideParcelResponse implements api.DecideParcelResponseObject.
func (a acted) VisitDecideParcelResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitSendBackResponse implements api.SendBackResponseObject.
func (a acted) VisitSendBackResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitResolveRefundResponse implements api.ResolveRefundResponseObject.
func (a acted) VisitResolveRefundResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRetryCaseResponse implements api.RetryCaseResponseObject.
func (a acted) VisitRetryCaseResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitSkipStepResponse implements api.SkipStepResponseObject.
func (a acted) VisitSkipStepResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitResolveCaseResponse implements api.ResolveCaseResponseObject.
func (a acted) VisitResolveCaseResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitAddNoteResponse implements api.AddNoteResponseObject.
func (a acted) VisitAddNoteResponse(w http.ResponseWriter) error { return a.write(w) }
