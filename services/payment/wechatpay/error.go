package wechatpay

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"aftercare.dev/services/payment/domain"
)

// Codes of our own, for calls in which the provider's answer was not heard or not believed.
const (
	codeNoAnswer   = "no_answer"
	codeUnverified = "unverified_answer"
	codeUnreadable = "unreadable_answer"
)

// defaultWait is how long a request is held back when the provider limits us without saying how long.
const defaultWait = 60 * time.Second

// createErrors says what a documented error code of "create refund" means for the money. Source:
// the error list of POST /v3/refund/domestic/refunds.
//
// INVALID_REQUEST is not certain: the provider uses one code for "this cannot be refunded" and for
// "this number was used with other content", so only a query can tell them apart.
var createErrors = map[string]domain.ProviderError{
	"SYSTEM_ERROR":          {Outcome: domain.OutcomeUnknown, Retry: domain.RetrySame},
	"FREQUENCY_LIMITED":     {Outcome: domain.OutcomeNotDone, Retry: domain.RetryLater, After: defaultWait},
	"NOT_ENOUGH":            {Outcome: domain.OutcomeNotDone, Retry: domain.RetryLater, Attention: domain.InsufficientFunds},
	"USER_ACCOUNT_ABNORMAL": {Outcome: domain.OutcomeNotDone, Retry: domain.RetryNever, Attention: domain.AbnormalAccount},
	"INVALID_REQUEST":       {Outcome: domain.OutcomeUnknown, Retry: domain.RetryNever, Attention: domain.Refused},
	"PARAM_ERROR":           {Outcome: domain.OutcomeNotDone, Retry: domain.RetryNever, Attention: domain.Refused},
	"SIGN_ERROR":            {Outcome: domain.OutcomeNotDone, Retry: domain.RetryNever, Attention: domain.Refused},
	"NO_AUTH":               {Outcome: domain.OutcomeNotDone, Retry: domain.RetryNever, Attention: domain.Refused},
	"MCH_NOT_EXISTS":        {Outcome: domain.OutcomeNotDone, Retry: domain.RetryNever, Attention: domain.Refused},
	"RESOURCE_NOT_EXISTS":   {Outcome: domain.OutcomeNotDone, Retry: domain.RetryNever, Attention: domain.Refused},
}

// unheard is the error of a request that may or may not have been carried out.
func unheard(code string, cause error) *domain.ProviderError {
	return domain.ProviderError{Outcome: domain.OutcomeUnknown, Retry: domain.RetrySame, Code: code}.WithCause(cause)
}

// createError classifies an answer to "create refund" other than success. A server error is unknown
// whatever its code says, and so is a refusal whose code is not in the table.
func createError(answer *answer) *domain.ProviderError {
	code := answer.errorCode()
	entry, known := createErrors[code]
	switch {
	case answer.status >= http.StatusInternalServerError || answer.status < http.StatusBadRequest:
		entry = domain.ProviderError{Outcome: domain.OutcomeUnknown, Retry: domain.RetrySame}
	case answer.status == http.StatusTooManyRequests && entry.Retry != domain.RetryLater:
		entry = domain.ProviderError{Outcome: domain.OutcomeNotDone, Retry: domain.RetryLater, After: defaultWait}
	case !known:
		entry = domain.ProviderError{Outcome: domain.OutcomeUnknown, Retry: domain.RetryNever, Attention: domain.Refused}
	}
	entry.Code = code
	if after := answer.retryAfter(); after > 0 && entry.Retry == domain.RetryLater {
		entry.After = after
	}
	return &entry
}

// queryError classifies an answer to "query refund" other than success. A query moves no money, so
// its outcome is about what is known of the refund: unknown, except for a signed "no such refund".
func queryError(answer *answer) *domain.ProviderError {
	e := &domain.ProviderError{Outcome: domain.OutcomeUnknown, Retry: domain.RetrySame, Code: answer.errorCode()}
	if answer.status == http.StatusTooManyRequests {
		e.Retry, e.After = domain.RetryLater, max(answer.retryAfter(), defaultWait)
	}
	if answer.status == http.StatusNotFound && e.Code == "RESOURCE_NOT_EXISTS" {
		if !answer.verified {
			return unheard(codeUnverified, errors.New("a missing refund must be told with a signature"))
		}
		e.Outcome, e.Retry, e.NotFound = domain.OutcomeNotDone, domain.RetrySame, true
	}
	return e
}

// errorCode returns the provider's code; codes are short capitals, anything else is not repeated.
func (a *answer) errorCode() string {
	var body struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(a.body, &body) != nil || !isCode(body.Code) {
		return "HTTP_" + strconv.Itoa(a.status)
	}
	return body.Code
}

func isCode(code string) bool {
	if code == "" || len(code) > 40 {
		return false
	}
	for _, c := range []byte(code) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// retryAfter reads the header in its form of seconds, up to an hour.
func (a *answer) retryAfter() time.Duration {
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}
