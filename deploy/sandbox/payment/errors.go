package payment

import (
	"encoding/json"
	"net/http"

	"aftercare.dev/deploy/sandbox/fault"
)

// apiError is an error as the provider answers it: HTTP status, code and a
// message for people.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// errorStatus is the error table of "申请退款",
// pay.weixin.qq.com/doc/v3/merchant/4012791862.
var errorStatus = map[string]int{
	"PARAM_ERROR":           http.StatusBadRequest,
	"INVALID_REQUEST":       http.StatusBadRequest,
	"SIGN_ERROR":            http.StatusUnauthorized,
	"NO_AUTH":               http.StatusForbidden,
	"NOT_ENOUGH":            http.StatusForbidden,
	"USER_ACCOUNT_ABNORMAL": http.StatusForbidden,
	"MCH_NOT_EXISTS":        http.StatusNotFound,
	"RESOURCE_NOT_EXISTS":   http.StatusNotFound,
	"FREQUENCY_LIMITED":     http.StatusTooManyRequests,
	"SYSTEM_ERROR":          http.StatusInternalServerError,
}

var errorMessage = map[string]string{
	"NOT_ENOUGH":            "基本账户余额不足，请充值后重新发起",
	"USER_ACCOUNT_ABNORMAL": "用户账户异常或已注销，不能原路退回，请使用其他方式进行退款",
	"FREQUENCY_LIMITED":     "频率限制，请降低频率后重试",
	"SYSTEM_ERROR":          "系统繁忙，请使用相同参数稍后重新调用",
	"NO_AUTH":               "没有退款权限",
	"RESOURCE_NOT_EXISTS":   "订单不存在",
}

func problem(code, message string) *apiError {
	status, ok := errorStatus[code]
	if !ok {
		status = http.StatusInternalServerError
	}
	if message == "" {
		message = errorMessage[code]
	}
	return &apiError{status: status, code: code, message: message}
}

// ruled is the error that a fail rule asks for.
func ruled(r fault.Rule) *apiError {
	code := r.Code
	if code == "" {
		code = "SYSTEM_ERROR"
	}
	e := problem(code, r.Message)
	if r.HTTPStatus != 0 {
		e.status = r.HTTPStatus
	}
	return e
}

func (s *Service) refuse(e *apiError) fault.Answer {
	body, _ := json.Marshal(map[string]string{"code": e.code, "message": e.message}) //nolint:errchkjson // strings cannot fail
	return s.answer(e.status, body)
}
