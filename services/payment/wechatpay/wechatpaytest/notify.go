package wechatpaytest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
)

// Notification returns the body of a notification about a refund, encrypted with the APIv3 key.
func Notification(id, mchID string, r Refund) []byte {
	plain := encode(map[string]any{
		"mchid": mchID, "out_trade_no": r.Trade, "out_refund_no": r.Number, "refund_id": r.Reference,
		"refund_status": r.Status, "user_received_account": "-",
		"amount": map[string]any{"total": r.Total, "refund": r.Refund, "payer_total": r.Total, "payer_refund": r.Refund},
	})
	nonce := rand.Text()[:12]
	return encode(map[string]any{
		"id": id, "create_time": "2026-01-01T08:00:00+08:00", "event_type": "REFUND." + r.Status,
		"resource_type": "encrypt-resource", "summary": "-",
		"resource": map[string]any{
			"original_type": "refund", "algorithm": "AEAD_AES_256_GCM", "associated_data": "refund",
			"nonce": nonce, "ciphertext": Seal(APIv3Key, nonce, "refund", plain),
		},
	})
}

// Seal encrypts with AEAD_AES_256_GCM, in base64.
func Seal(key, nonce, associated string, plain []byte) string {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), plain, []byte(associated)))
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return text
}
