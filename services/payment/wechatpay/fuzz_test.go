package wechatpay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/payment/domain"
	"aftercare.dev/services/payment/wechatpay/wechatpaytest"
)

// What nobody signed is never believed, whatever it looks like.
func FuzzANotificationOfAStranger(f *testing.F) {
	f.Add(string(read(f, "notification.json")), wechatpaytest.PlatformSerial, "nonce", "c2lnbmF0dXJl")
	f.Add("{}", "", "", "")
	c := golden(f, goldenTime)
	f.Fuzz(func(t *testing.T, body, serial, nonce, signature string) {
		header := http.Header{}
		for name, value := range map[string]string{
			"Wechatpay-Timestamp": strconv.FormatInt(goldenTime.Unix(), 10), "Wechatpay-Serial": serial,
			"Wechatpay-Nonce": nonce, "Wechatpay-Signature": signature,
		} {
			header.Set(name, value)
		}
		_, err := c.Notification(header, []byte(body))
		require.Error(t, err)
	})
}

// What is signed and encrypted as it should be can still say anything.
func FuzzWhatANotificationSays(f *testing.F) {
	f.Add("id-1", "REFUND.SUCCESS", `{"mchid":"`+wechatpaytest.MerchantID+`","out_trade_no":"T1","out_refund_no":"rf_1","refund_status":"SUCCESS","amount":{"total":1000,"refund":888}}`)
	f.Add("id-2", "REFUND.CLOSED", `{"mchid":"x","refund_status":"CLOSED"}`)
	f.Add("", "", `{"amount":{"refund":-1}}`)
	c := golden(f, goldenTime)
	f.Fuzz(func(t *testing.T, id, event, plain string) {
		n, err := c.decode(notify(t, id, event, plain))
		if err != nil {
			require.Equal(t, domain.Notification{}, n)
			return
		}
		require.NotEmpty(t, n.ID)
		require.LessOrEqual(t, len(n.ID), 64)
		require.NotEmpty(t, n.Status)
		var inner notifiedRefund
		require.NoError(t, json.Unmarshal([]byte(plain), &inner))
		require.Equal(t, wechatpaytest.MerchantID, inner.MchID, "another merchant's refund is believed")
	})
}

func notify(t *testing.T, id, event, plain string) []byte {
	block, err := aes.NewCipher([]byte(wechatpaytest.APIv3Key))
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	var outer notificationBody
	outer.ID, outer.EventType = id, event
	outer.Resource.Algorithm, outer.Resource.Nonce = algorithm, "123456789012"
	outer.Resource.Ciphertext = base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(outer.Resource.Nonce), []byte(plain), nil))
	body, err := json.Marshal(outer)
	require.NoError(t, err)
	return body
}
