FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
# Fonts for papers in Chinese, Japanese, Korean and emoji; those of other scripts come with the hub.
RUN apt-get update && apt-get install -y --no-install-recommends fonts-noto-cjk fonts-noto-color-emoji \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 hub
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH HUB_HOST=0.0.0.0 HUB_DATA_DIR=/home/hub/data INVOICE_FONTS=/usr/share/fonts PYTHONUNBUFFERED=1
USER hub
WORKDIR /home/hub
RUN mkdir data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
CMD ["hub", "serve"]
