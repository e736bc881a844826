package callbacks_test

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	logisticsapi "aftercare.dev/services/logistics/api"
	paymentapi "aftercare.dev/services/payment/api"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
)

// attempt is something that is sent, and what is to come of it.
type attempt struct {
	sent
	status int
	// wakes is true if somebody is to look; whoever does so asks the provider.
	wakes bool
}

// try sends every attempt twice and wants the same of both, so that each is a replay as well.
func (h *house) try(attempts map[string]attempt, wake string, unmoved func(t *testing.T)) {
	for name, a := range attempts {
		h.t.Run(name, func(t *testing.T) {
			h.temporal.rung()
			for range 2 {
				status, body := h.post(t, a.sent)
				require.Equal(t, a.status, status, body)
				want := []string(nil)
				if a.wakes {
					want = []string{wake}
				}
				require.Equal(t, want, h.temporal.rung())
				unmoved(t)
			}
		})
	}
}

// spoiled are the forms in which no provider sends anything.
func spoiled(good sent) map[string]attempt {
	compressed, oversized, longwinded := good, good, good
	compressed.headers = map[string]string{"Content-Encoding": "gzip"}
	for name, value := range good.headers {
		compressed.headers[name] = value
	}
	oversized.body += strings.Repeat(" ", 1<<20)
	longwinded.path += "?x=" + strings.Repeat("x", 4097)
	if strings.Contains(good.path, "?") {
		longwinded.path = good.path + "&x=" + strings.Repeat("x", 4097)
	}
	return map[string]attempt{
		"compressed":   {compressed, http.StatusUnsupportedMediaType, false},
		"oversized":    {oversized, http.StatusRequestEntityTooLarge, false},
		"a long query": {longwinded, http.StatusRequestURITooLong, false},
	}
}

func TestOnlyWhatWeChatPaySignedLatelyForThisMerchantWakesARefundAndNothingMovesIt(t *testing.T) {
	h := newHouse(t)
	held := h.refund()
	held.Status = "SUCCESS"
	const path = "/callbacks/wechatpay"
	now, key, serial := time.Now(), wechatpaytest.PlatformKey(), wechatpaytest.PlatformSerial
	body := string(wechatpaytest.Notification("EV1", wechatpaytest.MerchantID, held))
	signed := func(body string) sent { return sent{path, wechatpaytest.Sign(key, serial, now, []byte(body)), body} }
	signedBy := func(key *rsa.PrivateKey, serial string, at time.Time) sent {
		return sent{path, wechatpaytest.Sign(key, serial, at, []byte(body)), body}
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	h.NoError(err)
	swapped := held
	swapped.Refund = 1
	good := signed(body)

	attempts := spoiled(good)
	for name, a := range map[string]attempt{
		"as it is":                         {good, http.StatusOK, true},
		"with another amount inside":       {signed(string(wechatpaytest.Notification("EV2", wechatpaytest.MerchantID, swapped))), http.StatusOK, true},
		"without a signature":              {sent{path, nil, body}, http.StatusUnauthorized, false},
		"with a space more":                {sent{path, good.headers, body + " "}, http.StatusUnauthorized, false},
		"with another's content":           {sent{path, good.headers, string(wechatpaytest.Notification("EV1", wechatpaytest.MerchantID, swapped))}, http.StatusUnauthorized, false},
		"old":                              {signedBy(key, serial, now.Add(-6*time.Minute)), http.StatusUnauthorized, false},
		"from the future":                  {signedBy(key, serial, now.Add(6*time.Minute)), http.StatusUnauthorized, false},
		"with an unknown serial":           {signedBy(key, "PUB_KEY_ID_9", now), http.StatusUnauthorized, false},
		"with another key under the id":    {signedBy(other, serial, now), http.StatusUnauthorized, false},
		"with the merchant's own key":      {signedBy(wechatpaytest.MerchantKey(), serial, now), http.StatusUnauthorized, false},
		"of another merchant":              {signed(string(wechatpaytest.Notification("EV1", "1900000999", held))), http.StatusBadRequest, false},
		"sealed with another APIv3 key":    {signed(resealed(t, body, strings.Repeat("k", 32))), http.StatusBadRequest, false},
		"with another event on the cover":  {signed(strings.Replace(body, "REFUND.SUCCESS", "REFUND.CLOSED", 1)), http.StatusBadRequest, false},
		"with another nonce":               {signed(changed(t, body, "nonce", "000000000000")), http.StatusBadRequest, false},
		"with other associated data":       {signed(changed(t, body, "associated_data", "transaction")), http.StatusBadRequest, false},
		"with words of no sense":           {signed("{}"), http.StatusBadRequest, false},
		"of a refund that is not ours":     {signed(string(wechatpaytest.Notification("EV3", wechatpaytest.MerchantID, wechatpaytest.Refund{Number: "W1", Trade: "T", Status: "SUCCESS"}))), http.StatusOK, false},
		"signed, with the headers doubled": {doubled(good), http.StatusUnauthorized, false},
	} {
		attempts[name] = a
	}
	h.try(attempts, fmt.Sprintf("refund/m1/c1-1 payment_event {EventID:%s:succeeded Subject:c1-1}", held.Number), func(t *testing.T) {
		refund, err := h.payment.GetRefundWithResponse(t.Context(), merchant, "c1-1", nil)
		require.NoError(t, err)
		require.Equal(t, paymentapi.RefundStateProcessing, refund.JSON200.State, "a notification is a reason to ask and no more")
	})
}

// doubled has a second signature behind the first, as if two headers had been joined.
func doubled(s sent) sent {
	headers := map[string]string{}
	for name, value := range s.headers {
		headers[name] = value
	}
	headers["Wechatpay-Signature"] += "," + headers["Wechatpay-Signature"]
	return sent{s.path, headers, s.body}
}

// changed replaces a member of the notification's resource.
func changed(t *testing.T, body, member string, value any) string {
	t.Helper()
	var n map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &n))
	n["resource"].(map[string]any)[member] = value
	text, err := json.Marshal(n)
	require.NoError(t, err)
	return string(text)
}

func resealed(t *testing.T, body, key string) string {
	t.Helper()
	return changed(t, body, "ciphertext", wechatpaytest.Seal(key, "000000000000", "refund", []byte(`{}`)))
}

func TestOnlyWhatKuaidi100SignedForThisParcelWakesTheCase(t *testing.T) {
	h := newHouse(t)
	h.parcel()
	path := "/callbacks/kuaidi100/" + h.outside.token
	param := func(status int) string {
		return fmt.Sprintf(`{"kuaidicom":"jd","kuaidinum":"JD1","data":{"orderId":"O1","status":%d}}`, status)
	}
	form := func(path, task, param, salt string) sent {
		sum := md5.Sum([]byte(param + salt))
		return sent{
			path:    path,
			headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			body:    url.Values{"taskId": {task}, "param": {param}, "sign": {strings.ToUpper(hex.EncodeToString(sum[:]))}}.Encode(),
		}
	}
	pickedUp := form(path, "T1", param(10), h.outside.salt)
	delivered := form(path, "T1", param(13), h.outside.salt)
	under := delivered
	under.body = url.Values{"taskId": {"T1"}, "param": {param(13)}, "sign": {mustForm(t, pickedUp.body).Get("sign")}}.Encode()
	unsigned := delivered
	unsigned.body = url.Values{"taskId": {"T1"}, "param": {param(13)}}.Encode()

	attempts := spoiled(pickedUp)
	for name, a := range map[string]attempt{
		"as it is":                       {pickedUp, http.StatusOK, true},
		"with another's content":         {under, http.StatusBadRequest, false},
		"without a signature":            {unsigned, http.StatusBadRequest, false},
		"signed with a guessed salt":     {form(path, "T1", param(13), "guess"), http.StatusBadRequest, false},
		"signed without a salt":          {form(path, "T1", param(13), ""), http.StatusBadRequest, false},
		"at a guessed address":           {form("/callbacks/kuaidi100/guess", "T1", param(13), h.outside.salt), http.StatusBadRequest, false},
		"of no sense":                    {form(path, "T1", "[]", h.outside.salt), http.StatusBadRequest, false},
		"of a task that is not ours":     {form(path, "T2", `{"kuaidicom":"jd","kuaidinum":"JD9","data":{"orderId":"O9","status":99}}`, h.outside.salt), http.StatusOK, false},
		"of a state that nobody knows":   {form(path, "T1", param(777), h.outside.salt), http.StatusOK, false},
		"with the task's number changed": {form(path, "T7", param(10), h.outside.salt), http.StatusOK, false},
	} {
		attempts[name] = a
	}
	// The protocol has no time in what is signed: an old message is told by its content.
	first := attempts["as it is"]
	delete(attempts, "as it is")
	const wake = "case/m1/c1 carrier_event {EventID:c1-s1:picked_up Subject:c1-s1}"
	h.try(map[string]attempt{"as it is": first}, wake, func(*testing.T) {})
	h.try(attempts, "", func(t *testing.T) { require.Equal(t, logisticsapi.ShipmentStatePickedUp, h.shipment(t).State) })

	h.temporal.rung()
	status, _ := h.post(t, delivered)
	h.Equal(http.StatusOK, status)
	h.Equal([]string{"case/m1/c1 carrier_event {EventID:c1-s1:delivered Subject:c1-s1}"}, h.temporal.rung())
	status, _ = h.post(t, pickedUp)
	h.Equal(http.StatusOK, status)
	h.Equal(logisticsapi.ShipmentStateDelivered, h.shipment(t).State, "a replay does not turn the clock back")
}

func mustForm(t *testing.T, body string) url.Values {
	t.Helper()
	form, err := url.ParseQuery(body)
	require.NoError(t, err)
	return form
}

func (h *house) shipment(t *testing.T) logisticsapi.Shipment {
	t.Helper()
	answer, err := h.logistics.GetShipmentWithResponse(t.Context(), merchant, "c1-s1", nil)
	require.NoError(t, err)
	return *answer.JSON200
}

func TestOnlyWhatTheInsurerSignedLatelyWakesTheClaimAndNothingMovesIt(t *testing.T) {
	h := newHouse(t)
	h.claim()
	message := func(order string, status int) string {
		return fmt.Sprintf(`{"MsgType":"event","Event":"wxainsurance_claim_result","upload_event":{"OrderNo":%q,"Status":%d}}`, order, status)
	}
	push := func(token string, at time.Time, body string) sent {
		timestamp := strconv.FormatInt(at.Unix(), 10)
		parts := []string{token, timestamp, "n0nce"}
		slices.Sort(parts)
		sum := sha1.Sum([]byte(strings.Join(parts, "")))
		return sent{
			path: "/callbacks/freight-insurance?signature=" + hex.EncodeToString(sum[:]) + "&timestamp=" + timestamp + "&nonce=n0nce", body: body,
		}
	}
	now := time.Now()
	good := push(insurerToken, now, message("pay1", 5))
	otherTime := good
	otherTime.path = strings.Replace(good.path, "n0nce", "n1nce", 1)

	attempts := spoiled(good)
	for name, a := range map[string]attempt{
		"as it is": {good, http.StatusOK, true},
		// What is signed does not cover the content: it says where to look, and the insurer is asked.
		"with another amount inside":      {push(insurerToken, now, strings.Replace(message("pay1", 5), `"Status"`, `"PayAmount":999999,"Status"`, 1)), http.StatusOK, true},
		"of a payment that is not ours":   {push(insurerToken, now, message("pay2", 5)), http.StatusOK, false},
		"of another event":                {push(insurerToken, now, `{"Event":"subscribe"}`), http.StatusOK, false},
		"with another nonce":              {otherTime, http.StatusForbidden, false},
		"old":                             {push(insurerToken, now.Add(-6*time.Minute), message("pay1", 5)), http.StatusForbidden, false},
		"from the future":                 {push(insurerToken, now.Add(6*time.Minute), message("pay1", 5)), http.StatusForbidden, false},
		"of another app's token":          {push("other", now, message("pay1", 5)), http.StatusForbidden, false},
		"signed without a token":          {push("", now, message("pay1", 5)), http.StatusForbidden, false},
		"without a signature":             {sent{path: "/callbacks/freight-insurance", body: message("pay1", 5)}, http.StatusForbidden, false},
		"of no sense":                     {push(insurerToken, now, "{"), http.StatusBadRequest, false},
		"of a state that nobody knows":    {push(insurerToken, now, message("pay1", 9)), http.StatusBadRequest, false},
		"with an entity from the outside": {push(insurerToken, now, `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Event>&e;</Event></xml>`), http.StatusBadRequest, false},
	} {
		attempts[name] = a
	}
	h.try(attempts, "freight-claim/m1/c1 insurer_event {EventID:c1:claim:paid Subject:c1}", func(t *testing.T) {
		claim, err := h.logistics.GetInsuranceClaimWithResponse(t.Context(), merchant, "c1", nil)
		require.NoError(t, err)
		require.Equal(t, logisticsapi.InsuranceClaimStateFiled, claim.JSON200.State)
	})
}
