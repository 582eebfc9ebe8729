{{/* The names of objects do not contain the release's name: compiled flows refer to them, and a namespace needs each object only once. */}}

{{- define "flowc.labels" -}}
app.kubernetes.io/name: flowc
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: flowc
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "flowc.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* The image of `flowc ui`, which contains the whole of flowc. */}}
{{- define "flowc.uiImage" -}}
{{- with .Values.ui.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "flowc.storeSecret" -}}
{{ .Values.store.existingSecret | default "flowc-store" }}
{{- end }}

{{- define "flowc.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A rule for outgoing connections; the argument is a dict with the keys to, ports and protocols. */}}
{{- define "flowc.egress" -}}
- to: {{- toYaml .to | nindent 4 }}
  ports:
  {{- range $port := .ports }}
  {{- range $.protocols }}
    - port: {{ $port }}
      protocol: {{ . }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* The annotations of the objects that `helm test` creates. A failed test leaves its objects for inspection; the next test deletes them first. */}}
{{- define "flowc.testAnnotations" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
