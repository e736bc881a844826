module aftercare.dev/activities

go 1.26.0
