{{- define "gingham.labels" -}}
app.kubernetes.io/name: gingham
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
{{- define "gingham.picks" -}}
app.kubernetes.io/name: gingham
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
