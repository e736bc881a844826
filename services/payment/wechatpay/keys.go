package wechatpay

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// ParsePrivateKey reads the merchant's key from PEM, PKCS#8 as the merchant platform hands it out, or PKCS#1.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("expected a private key in PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("expected an RSA private key in PEM (PKCS#8 or PKCS#1)")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("expected an RSA private key, this is another kind of key")
	}
	return key, nil
}

// ParsePublicKeys reads the platform's keys, one PEM block after another in the order of their
// serials. A block is a public key or a platform certificate.
func ParsePublicKeys(text []byte) ([]*rsa.PublicKey, error) {
	var keys []*rsa.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := publicKey(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("expected public keys or certificates in PEM")
	}
	return keys, nil
}

func publicKey(block *pem.Block) (*rsa.PublicKey, error) {
	if block.Type == "CERTIFICATE" {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("expected a certificate in PEM")
		}
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok {
			return key, nil
		}
		return nil, errors.New("expected a certificate of an RSA key")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("expected a public key in PEM (PKIX)")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("expected an RSA public key, this is another kind of key")
	}
	return key, nil
}
