package standalone

import (
	"context"
	"fmt"

	"aftercare.dev/deploy/temporal"
	"aftercare.dev/gateway/codec"
	"aftercare.dev/services/platform/config"
)

// Operations is the merchant id in the tokens of those who may read payloads in the local system.
const Operations = "operations"

// startCodec runs the codec server for the UI, if payloads are encrypted.
func (s *System) startCodec(ctx context.Context, cfg Config, at *listeners, server *temporal.Server) error {
	url := at.url("codec")
	if url == "" {
		return nil
	}
	codecConfig, err := config.Load[codec.Config]("", append(s.environ(cfg, at, nil, "codec"),
		"PAYLOAD_KEYS="+string(cfg.Payloads.PayloadKeys), "TEMPORAL_NAMESPACE="+server.Namespace(),
		"CODEC_TENANT="+Operations, "CODEC_ORIGINS="+s.UIURL, "CODEC_PUBLIC_URL="+url,
	))
	if err != nil {
		return err
	}
	service, err := codec.New(ctx, codecConfig, s.log.With("part", "codec"))
	if err != nil {
		return fmt.Errorf("start the codec server: %w", err)
	}
	s.serve(ctx, "codec", at.take("codec"), service.Run)
	s.CodecURL = url
	return nil
}
