module aftercare.dev/gateway

go 1.26.0
