package freightinsurance

import (
	"errors"
	"strconv"

	"aftercare.dev/services/logistics/domain"
)

// reasons are the codes that say no for good, in the insurer's own list (常见返回码), and what we
// call them.
var reasons = map[int]string{
	2:     "missing_parameter",
	1010:  "outside_insured_time",
	1011:  "waybill_already_used",
	2009:  "no_policy",
	2011:  "order_or_buyer_unknown",
	2012:  "order_of_another_shop",
	2013:  "payment_time_mismatch",
	2014:  "payment_mismatch",
	2021:  "waybill_bound_to_another",
	41009: "buyer_reference_missing",
	47001: "malformed_request",
}

// refusal says what an error code means for the caller.
func refusal(code int) error {
	if reason, known := reasons[code]; known {
		return &domain.ProviderError{Trouble: domain.Refusal, Code: reason}
	}
	switch code {
	case 2007: // 重复理赔; also for a payment that is insured already
		return &domain.ProviderError{Trouble: domain.Duplicate, Code: "done_before"}
	case -1: // 系统繁忙
		return &domain.ProviderError{Trouble: domain.Unknown, Code: "insurer_busy"}
	case 2004:
		return &domain.ProviderError{Trouble: domain.Misconfigured, Code: "insurance_not_enabled"}
	case 2008: // 系统安全原因，暂停理赔
		return &domain.ProviderError{Trouble: domain.NotDone, Code: "insurer_suspended"}
	case 45009, 45011:
		return &domain.ProviderError{Trouble: domain.NotDone, Code: "too_many_calls"}
	case 40001, 40014, 41001, 42001:
		return &domain.ProviderError{Trouble: domain.NotDone, Code: tokenRefused}
	case 40013, 40125, 40164, 48001:
		return &domain.ProviderError{Trouble: domain.Misconfigured, Code: "errcode_" + strconv.Itoa(code)}
	}
	// A code that nobody documented: it was not done as asked, yet it may be on another day.
	return &domain.ProviderError{Trouble: domain.Unknown, Code: "errcode_" + strconv.Itoa(code)}
}

const tokenRefused = "access_token_refused"

func tokenExpired(err error) bool {
	var provider *domain.ProviderError
	return errors.As(err, &provider) && provider.Code == tokenRefused
}
